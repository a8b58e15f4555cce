"""Rounds on a real database: what is taken, how much of it, in which order, and when."""

import asyncio
import time
from uuid import UUID, uuid4

import asyncpg
import pytest

from core.db import Database
from core.jobs import store as jobs
from core.jobs.model import Needs
from scheduler.flights import Abort, Phase
from scheduler.rounds import Watermarks
from scheduler.sender.request import Request
from tests.integration.scheduler.rig import add, rig, tally
from tests.integration.scheduler.running import Listening
from tests.jobs import Tenant, make_job, make_tenant, settlement
from tests.sent import headers_of
from tests.unit.scheduler.fakes import FakeClock


async def test_a_round_claims_no_more_than_there_are_free_slots(database: Database, tenant: Tenant) -> None:
    await add(database, tenant, 50)
    replica = await rig(database, concurrency=8)
    replica.sender.go.clear()
    assert await replica.rounds.once() == 8
    assert await replica.rounds.once() == 0
    assert await tally(database) == {"ready": 42, "leases": 8}


@pytest.mark.promise(8)
async def test_concurrency_is_never_exceeded_while_slots_come_free(
    database: Database, tenant: Tenant
) -> None:
    await add(database, tenant, 60)
    replica = await rig(database, concurrency=7)
    most = 0
    while await replica.rounds.once():
        most = max(most, len(replica.flights))
        await replica.put()
        await replica.settler.once()
    assert (most, len(set(replica.sent()))) == (7, 60)


async def test_everything_due_is_delivered_once(database: Database, tenant: Tenant) -> None:
    made = await add(database, tenant, 300)
    replica = await rig(database)
    await replica.work()
    assert sorted(replica.sent()) == sorted(made)
    assert await tally(database) == {"endings": 300}


async def test_a_batch_is_taken_and_ended_in_three_round_trips(database_url: str) -> None:
    """The look, the claim and the settlement, however many jobs there are."""
    seen: list[str] = []
    database = Listening(database_url, seen, name="test")
    tenant = await make_tenant(database)
    replica = await rig(database, concurrency=256)
    await add(database, tenant)
    await replica.work()
    await add(database, tenant, 200)
    seen.clear()
    assert await replica.rounds.once() == 200
    while len(replica.settler) < 200:
        await replica.put()
        await asyncio.sleep(0)
    assert await replica.settler.once() == 200
    assert len(seen) == 3, seen
    assert await tally(database) == {"endings": 201}
    await database.close()


async def test_replicas_share_the_work_and_take_each_job_once(database: Database, tenant: Tenant) -> None:
    made = await add(database, tenant, 600)
    replicas = [await rig(database, concurrency=16) for _ in range(3)]
    await asyncio.gather(*(replica.work() for replica in replicas))
    sent = [job for replica in replicas for job in replica.sent()]
    assert sorted(sent) == sorted(made)
    assert all(replica.sent() for replica in replicas)


@pytest.mark.promise(7)
async def test_a_fenced_replica_claims_nothing(database: Database, tenant: Tenant) -> None:
    await add(database, tenant, 5)
    replica = await rig(database)
    replica.fence.beaten(-1e9)
    assert await replica.rounds.once() == 0
    assert await tally(database) == {"ready": 5}


async def test_a_replica_without_a_beat_looks_again_soon_and_asks_the_database_nothing(
    database: Database,
) -> None:
    replica = await rig(database)
    replica.fence.beaten(-1e9)
    await database.close()
    assert await replica.rounds.once() == 0
    assert replica.rounds.pause() < 0.1


@pytest.mark.promise(6)
async def test_claimed_ahead_jobs_never_start_early_by_the_databases_clock(
    database: Database, tenant: Tenant
) -> None:
    replica = await rig(database)
    async with database.raw() as db:
        for number in range(20):
            await make_job(db, tenant, delay_seconds=0.15 + number * 0.01)
    assert await replica.rounds.once() == 20
    await replica.settle()
    async with database.raw() as db:
        early = await db.fetchval(
            """SELECT min(extract(epoch FROM a.started_at - j.fire_at))
               FROM attempts a JOIN jobs j ON j.id = a.job_id"""
        )
        assert (
            await db.fetchval("SELECT count(*) FROM attempts WHERE replica_id = $1", replica.replica.id) == 20
        )
    assert 0 <= early < 0.2


async def test_claiming_ahead_takes_no_more_than_half_of_the_free_slots(
    database: Database, tenant: Tenant
) -> None:
    await add(database, tenant, 30, delay_seconds=0.9)
    replica = await rig(database, concurrency=10)
    assert await replica.rounds.once() == 5
    replica.dispatcher.give_back_waiting()
    await replica.settle()


async def test_nothing_is_claimed_ahead_of_jobs_that_wait_in_its_queue(
    database: Database, tenant: Tenant
) -> None:
    waiting = await add(database, tenant, 2)
    await add(database, tenant, delay_seconds=0.9)
    replica = await rig(database, concurrency=2)
    await replica.rounds.once()
    assert sorted(flight.lease.job_id for flight in replica.flights) == sorted(waiting)
    await replica.settle()


async def test_a_single_slot_is_not_held_ahead(database: Database, tenant: Tenant) -> None:
    await add(database, tenant, delay_seconds=0.9)
    replica = await rig(database, concurrency=1)
    assert await replica.rounds.once() == 0
    assert 0 < replica.rounds.pause() <= 0.9


async def test_the_pause_reaches_to_the_next_timer(database: Database, tenant: Tenant) -> None:
    replica = await rig(database)
    await replica.rounds.once()
    assert replica.rounds.pause() == 1.0
    await add(database, tenant, delay_seconds=1.3)
    await replica.rounds.once()
    assert 0.5 < replica.rounds.pause() <= 0.8


async def test_a_failing_statement_does_not_strand_what_was_claimed_before_it(
    database: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Claimed ahead, then planning fails: those leases are held, so they must still be started."""
    [overdue] = await add(database, tenant, delay_seconds=60.0)
    async with database.raw() as db:
        await db.execute("UPDATE timers SET due_at = now() - interval '0.3 s' WHERE job_id = $1", overdue)

    async def fail(*_: object, **__: object) -> tuple[int, float | None]:
        raise asyncpg.ConnectionDoesNotExistError("gone")

    monkeypatch.setattr(jobs, "plan", fail)
    replica = await rig(database)
    with pytest.raises(asyncpg.ConnectionDoesNotExistError):
        await replica.rounds.once()
    await replica.settle()
    assert replica.sent() == [overdue]


async def test_keys_that_are_not_asked_for_any_more_are_forgotten(database: Database) -> None:
    replica = await rig(database)
    clock = FakeClock()
    replica.secrets._now = clock
    replica.secrets._prune_at = clock()
    for _ in range(3):
        await replica.secrets.load([uuid4() for _ in range(100)])
        clock.now += 31
    assert len(replica.secrets) <= 200


async def test_a_returned_job_is_taken_again_at_once_with_the_same_number(
    database: Database, tenant: Tenant
) -> None:
    await add(database, tenant)
    replica = await rig(database)
    replica.fence.beaten(-1e9)
    async with database.raw() as db:
        [lease] = await jobs.claim(db, [(tenant.queue_id, 1, None)], replica=uuid4())
        await jobs.settle(db, [settlement(lease, None)])
    await replica.beat()
    await replica.work()
    assert dict(headers_of(replica.sender.requests[0]))["X-Noonmark-Attempt"] == "1"


async def test_watermarks_hide_nothing_for_longer_than_half_a_minute_without_work(
    database: Database, tenant: Tenant
) -> None:
    await add(database, tenant, 2)
    clock = FakeClock()
    replica = await rig(database, resting=clock)
    await replica.work()
    [late] = await add(database, tenant)
    async with database.raw() as db:
        await db.execute("UPDATE ready SET rank_at = rank_at - interval '1 day' WHERE job_id = $1", late)
    replica.rounds._marks.lanes[Needs.HTTP, tenant.queue_id] = time.time()
    assert await replica.rounds.once() == 0
    assert await replica.rounds.once() == 0
    clock.now += 31
    assert await replica.rounds.once() == 0
    assert await replica.rounds.once() == 1
    await replica.settle()


def test_watermarks_lag_behind_the_highest_priority() -> None:
    clock = FakeClock()
    marks = Watermarks(now=clock)
    marks.seen(1000.0, 1005.0)
    assert marks.timers == 990.0
    marks.seen(1000.0, 950.0)
    assert marks.timers == 940.0
    marks.seen(1000.0, None)
    assert marks.timers == 990.0


def test_watermarks_are_forgotten_every_minute() -> None:
    clock = FakeClock()
    marks = Watermarks(now=clock)
    marks.lanes[Needs.HTTP, UUID(int=1)] = 5.0
    clock.now += 59
    marks.refresh()
    assert marks.lanes
    clock.now += 2
    marks.refresh()
    assert not marks.lanes


async def test_a_flight_cut_off_while_its_keys_are_loaded_is_not_started(
    database: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(database, tenant)
    replica = await rig(database)
    load = replica.secrets.load

    async def cut_off_meanwhile(tenants: set[UUID]) -> None:
        await load(tenants)
        for flight in replica.flights:
            replica.dispatcher.abort(flight, Abort.INTERRUPTED)

    monkeypatch.setattr(replica.secrets, "load", cut_off_meanwhile)
    await replica.rounds.once()
    assert [flight.phase for flight in replica.flights] == [Phase.SETTLING]
    await replica.settle()
    assert await tally(database) == {"ready": 1}


async def test_no_connection_is_held_while_a_target_is_called(database_url: str) -> None:
    """With a pool of one, the call itself can use the database, and so can everybody else."""
    database = Database(database_url, name="one", size=1)
    tenant = await make_tenant(database)
    await add(database, tenant)
    replica = await rig(database)
    seen: list[Request] = replica.sender.requests
    replica.sender.go.clear()
    await replica.rounds.once()
    await replica.sender.called.wait()
    async with asyncio.timeout(5):
        assert await tally(database) == {"leases": 1}
    replica.sender.go.set()
    await replica.settle()
    assert len(seen) == 1
    await database.close()
