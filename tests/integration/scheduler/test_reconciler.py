"""Memory and table are made to agree, whichever of them is behind."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from core import metrics
from core.db import Database, Raw
from core.jobs import store as jobs
from core.jobs.model import Outcome
from scheduler.flights import Phase
from tests.integration.scheduler.rig import Rig, add, rig, tally
from tests.jobs import Tenant, settlement


async def claimed_unheard(replica: Rig, tenant: Tenant) -> UUID:
    """A claim whose answer never arrived: the table knows the lease, the replica doesn't."""
    await add(replica.database, tenant)
    async with replica.database.raw() as db:
        [lease] = await jobs.claim(db, [(tenant.queue_id, 1, None)], replica=replica.replica.id)
    return lease.job_id


async def calling(replica: Rig, tenant: Tenant, **given: Any) -> UUID:
    """A job whose call is on the wire."""
    [job] = await add(replica.database, tenant, **given)
    replica.sender.go.clear()
    await replica.rounds.once()
    await replica.sender.called.wait()
    return job


async def request_cancel(db: Raw, job: UUID) -> None:
    await db.execute("UPDATE leases SET cancel_requested_at = now() WHERE job_id = $1", job)


async def test_a_lease_nobody_remembers_is_given_back_and_burns_no_attempt(
    database: Database, tenant: Tenant
) -> None:
    replica = await rig(database)
    await claimed_unheard(replica, tenant)
    assert await replica.reconciler.once() == 0
    async with database.raw() as db:
        assert await db.fetchval("SELECT attempt FROM ready") == 1
        assert await db.fetchval("SELECT count(*) FROM attempts") == 0


async def test_a_lease_of_another_replica_is_left_alone(database: Database, tenant: Tenant) -> None:
    replica, other = await rig(database), await rig(database)
    await claimed_unheard(other, tenant)
    await replica.reconciler.once()
    assert await tally(database) == {"leases": 1}


async def test_what_is_held_and_known_is_left_alone(database: Database, tenant: Tenant) -> None:
    replica = await rig(database)
    await calling(replica, tenant)
    await replica.reconciler.once()
    assert [flight.abort for flight in replica.flights] == [None]
    replica.sender.go.set()
    await replica.settle()
    assert await tally(database) == {"endings": 1}


@pytest.mark.promise(5)
async def test_a_call_whose_lease_was_taken_is_cut_off_and_its_result_dropped(
    database: Database, tenant: Tenant
) -> None:
    replica = await rig(database)
    await calling(replica, tenant)
    [flight] = replica.flights
    async with database.raw() as db:
        await jobs.settle(db, [settlement(flight.lease, Outcome.LOST, retry_seconds=60.0)])
    fenced = metrics.fenced._value.get()
    await replica.reconciler.once()
    await replica.settle()
    assert await tally(database) == {"timers": 1}
    assert metrics.fenced._value.get() == fenced + 1


@pytest.mark.promise(7)
async def test_a_requested_cancel_cuts_the_call_off_and_ends_the_job(
    database: Database, tenant: Tenant
) -> None:
    replica = await rig(database)
    job = await calling(replica, tenant)
    async with database.raw() as db:
        await request_cancel(db, job)
    await replica.reconciler.once()
    await replica.settle()
    async with database.raw() as db:
        row = await db.fetchrow("SELECT outcome, bytes_sent, error_message FROM attempts")
        assert tuple(row) == (
            "cancelled",
            100,
            "The attempt was aborted on request; 100 bytes had been sent.",
        )
        assert await db.fetchval("SELECT state FROM endings") == "cancelled"


@pytest.mark.promise(7)
async def test_a_cancel_of_a_job_that_was_claimed_ahead_starts_nothing(
    database: Database, tenant: Tenant
) -> None:
    replica = await rig(database)
    [job] = await add(database, tenant, delay_seconds=0.9)
    await replica.rounds.once()
    async with database.raw() as db:
        await request_cancel(db, job)
    await replica.reconciler.once()
    await replica.settle()
    async with database.raw() as db:
        row = await db.fetchrow("SELECT state, attempts FROM endings")
        assert tuple(row) == ("cancelled", 0)
    assert replica.sender.requests == []


@pytest.mark.promise(7)
async def test_a_cancelled_lease_that_nobody_remembers_ends_cancelled(
    database: Database, tenant: Tenant
) -> None:
    replica = await rig(database)
    job = await claimed_unheard(replica, tenant)
    async with database.raw() as db:
        await request_cancel(db, job)
    await replica.reconciler.once()
    assert await tally(database) == {"endings": 1}


async def test_a_result_that_waits_to_be_written_is_not_cut_off(database: Database, tenant: Tenant) -> None:
    replica = await rig(database)
    await add(database, tenant)
    await replica.rounds.once()
    await replica.put()
    await replica.reconciler.once()
    assert [(flight.phase, flight.abort) for flight in replica.flights] == [(Phase.SETTLING, None)]
    await replica.settle()
    assert await tally(database) == {"endings": 1}


async def test_a_lease_that_was_settled_during_the_look_is_no_unknown_one(
    database: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table was read before the settlement, the book after it."""
    replica = await rig(database)
    await add(database, tenant)
    await replica.rounds.once()
    real, returned = jobs.held, metrics.returned._value.get()

    async def settled_meanwhile(db: Raw, *, replica: UUID) -> list[object]:
        found = await real(db, replica=replica)
        await made.settle()
        return list(found)

    made = replica
    monkeypatch.setattr(jobs, "held", settled_meanwhile)
    await replica.reconciler.once()
    assert await tally(database) == {"endings": 1}
    assert metrics.returned._value.get() == returned


async def test_a_claim_whose_answer_is_under_way_is_waited_for(database: Database, tenant: Tenant) -> None:
    replica = await rig(database)
    async with replica.rounds.claiming:
        looking = asyncio.create_task(replica.reconciler.once())
        job = await claimed_unheard(replica, tenant)
        assert await tally(database) == {"leases": 1}
        async with database.raw() as db:
            row = await db.fetchrow("SELECT * FROM leases WHERE job_id = $1", job)
            assert not looking.done(), row
    await looking
    assert await tally(database) == {"ready": 1}


async def test_a_replica_that_cannot_beat_cuts_off_its_calls(database: Database, tenant: Tenant) -> None:
    replica = await rig(database)
    await calling(replica, tenant)
    replica.fence.beaten(-1e9)
    await replica.reconciler.watch()
    await replica.settle()
    async with database.raw() as db:
        row = await db.fetchrow("SELECT outcome, bytes_sent FROM attempts")
        assert tuple(row) == ("interrupted", 100)
        assert await db.fetchval("SELECT attempt FROM timers") == 2


@pytest.mark.promise(3)
async def test_a_call_that_was_cut_off_at_its_only_attempt_is_not_made_again(
    database: Database, tenant: Tenant
) -> None:
    replica = await rig(database)
    await calling(replica, tenant, retry='{"max_attempts":1}')
    replica.fence.beaten(-1e9)
    await replica.reconciler.watch()
    await replica.settle()
    await replica.beat()
    await replica.reconciler.once()
    assert await replica.rounds.once() == 0
    assert (await tally(database), len(replica.sender.requests)) == ({"endings": 1}, 1)


@pytest.mark.promise(7)
async def test_what_was_held_through_a_freeze_is_given_back_even_if_a_beat_came_first(
    database: Database, tenant: Tenant
) -> None:
    replica = await rig(database)
    await add(database, tenant, delay_seconds=0.9)
    await replica.rounds.once()
    replica.fence.beaten(-1e9)
    await replica.beat()
    await replica.reconciler.watch()
    await replica.settle()
    assert (await tally(database), replica.sender.requests) == ({"timers": 1}, [])


async def test_watching_asks_the_database_nothing(database: Database) -> None:
    replica = await rig(database)
    await database.close()
    assert await replica.reconciler.watch() == 0
