"""Jobs that not every replica can carry out: they wait for one that can, and are in nobody's way."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from app.jobs import moves
from app.jobs.checks import Change
from app.jobs.moves import Edited
from core.db import Database, Raw
from core.jobs import limits, statements
from core.jobs import store as jobs
from core.jobs.model import Lease, Needs, Outcome
from reaper.leases import LeaseSweep
from tests.integration.scheduler.rig import add, count, rig, tally
from tests.jobs import Tenant, make_tenant, settlement
from tests.limiting import held, lane, limit

DOCKER = (Needs.DOCKER,)
BOTH = (Needs.HTTP, Needs.DOCKER)


async def test_a_job_waits_for_a_replica_that_offers_what_it_needs(
    database: Database, tenant: Tenant
) -> None:
    [job] = await add(database, tenant, needs=Needs.DOCKER)
    without, having = await rig(database), await rig(database, offers=BOTH)
    assert await without.rounds.once() == 0
    assert await having.rounds.once() == 1
    assert [flight.lease.job_id for flight in having.flights] == [job]
    await having.settle()


async def test_a_lease_of_code_leaves_time_to_stop_it_and_to_keep_what_it_printed(
    database: Database, tenant: Tenant
) -> None:
    await add(database, tenant, timeout_seconds=30)
    await add(database, tenant, timeout_seconds=30, needs=Needs.DOCKER)
    replica = await rig(database, offers=BOTH)
    await replica.rounds.once()
    left = {flight.lease.needs: flight.lease.deadline_at - replica.clock.now() for flight in replica.flights}
    assert 30 < left[Needs.HTTP] <= 36 < 70 < left[Needs.DOCKER] <= 76
    await replica.settle()


async def test_code_is_not_claimed_ahead(database: Database, tenant: Tenant) -> None:
    await add(database, tenant, needs=Needs.DOCKER, delay_seconds=0.5)
    replica = await rig(database, offers=BOTH)
    assert await replica.rounds.once() == 0


async def test_a_replica_without_room_for_code_leaves_it_to_others(
    database: Database, tenant: Tenant
) -> None:
    await add(database, tenant, 3, needs=Needs.DOCKER)
    await add(database, tenant, 3)
    replica = await rig(database, offers=BOTH, code_concurrency=2)
    await replica.rounds.once()
    await replica.rounds.once()
    assert sorted(flight.lease.needs for flight in replica.flights) == [0, 0, 0, 2, 2]
    await replica.settle()
    await replica.work()
    assert await tally(database) == {"endings": 6}


async def test_a_replica_is_not_bound_to_offer_http(database: Database, tenant: Tenant) -> None:
    await add(database, tenant, 2)
    [job] = await add(database, tenant, needs=Needs.DOCKER)
    replica = await rig(database, offers=DOCKER)
    await replica.work()
    assert replica.sent() == [job]
    assert await tally(database) == {"ready": 2, "endings": 1}


async def test_due_timers_are_planned_by_whoever_looks(database: Database, tenant: Tenant) -> None:
    await add(database, tenant, needs=Needs.DOCKER, delay_seconds=60.0)
    async with database.raw() as db:
        await db.execute("UPDATE timers SET due_at = now()")
    await (await rig(database)).rounds.once()
    async with database.raw() as db:
        assert await db.fetchval("SELECT needs FROM ready") == Needs.DOCKER


async def test_both_kinds_of_a_queue_are_served_by_who_offers_both(
    database: Database, tenant: Tenant
) -> None:
    made = await add(database, tenant, 5) + await add(database, tenant, 5, needs=Needs.DOCKER)
    replica = await rig(database, concurrency=4, offers=BOTH)
    await replica.rounds.once()
    assert sorted(flight.lease.needs for flight in replica.flights) == [0, 0, 2, 2]
    await replica.settle()
    await replica.work()
    assert sorted(replica.sent()) == sorted(made)


@pytest.mark.promise(8)
async def test_more_lanes_than_a_look_names_are_all_served_whatever_they_need(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_LANES", 3)
    for number in range(10):
        tenant = await make_tenant(database)
        await add(database, tenant, 2, needs=Needs.DOCKER)
        if number % 3 == 0:
            await add(database, tenant, 2)
    replica = await rig(database, concurrency=4, offers=BOTH)
    for _ in range(20):
        await replica.rounds.once()
        await replica.settle()
    assert await tally(database) == {"endings": 28}


async def test_what_a_job_needs_stays_with_it_wherever_it_goes(database: Database, tenant: Tenant) -> None:
    """Back unstarted, again after a failure, lost with its replica, and edited on the way."""
    [job] = await add(database, tenant, needs=Needs.DOCKER)
    replica = await rig(database, offers=DOCKER)
    async with database.raw() as db:
        for outcome, wait, place in (
            (None, None, "ready"),
            (Outcome.FAILED, 0.0, "timers"),
            (Outcome.FAILED, 60.0, "timers"),
        ):
            await _ready(db)
            [lease] = await _claim(db, tenant, replica.replica.id)
            await jobs.settle(db, [settlement(lease, outcome, retry_seconds=wait)])
            assert await _needs(db, place) == Needs.DOCKER
        edited = await moves.edit(db, job, Change(None, 0.0, 7), tenant=tenant.id)
        assert isinstance(edited, Edited)
        assert await _needs(db, "ready") == Needs.DOCKER
        edited = await moves.edit(db, job, Change(None, 60.0, None), tenant=tenant.id)
        assert isinstance(edited, Edited)
        assert await _needs(db, "timers") == Needs.DOCKER
        await _ready(db)
        await _claim(db, tenant, replica.replica.id)
        assert await _needs(db, "leases") == Needs.DOCKER
        await db.execute("DELETE FROM replicas")
    sweep = LeaseSweep(database, ttl_seconds=15.0, now=lambda: 0.0)
    sweep._seen_at, sweep._clear_since = 0.0, -15.0
    assert await sweep.once() == 1
    async with database.raw() as db:
        assert await _needs(db, "timers") == Needs.DOCKER


async def _ready(db: Raw) -> None:
    await db.execute("UPDATE timers SET due_at = now()")
    await jobs.plan(db, limit=10, since=None)


async def _claim(db: Raw, tenant: Tenant, replica: UUID) -> list[Lease]:
    return await jobs.claim(db, [(tenant.queue_id, 1, None)], replica=replica, needs=DOCKER)


async def _needs(db: Raw, place: str) -> int | None:
    found: int | None = await db.fetchval(f"SELECT needs FROM {place}")
    return found


@pytest.mark.promise(8)
async def test_what_a_queue_may_have_holds_for_all_its_jobs_together(
    database: Database, tenant: Tenant
) -> None:
    await add(database, tenant, 10)
    await add(database, tenant, 10, needs=Needs.DOCKER)
    await limit(database, tenant, max_concurrency=3)
    both = [(lane(tenant), 8, None), (lane(tenant, needs=Needs.DOCKER), 8, None)]
    replica = await rig(database)
    async with database.raw() as db:
        first = await limits.claim(db, both, replica=replica.replica.id)
        assert len(first.leases) == 3
        assert not (await limits.claim(db, both[::-1], replica=replica.replica.id)).leases
        await jobs.settle(db, [settlement(lease) for lease in first.leases[:2]])
        second = await limits.claim(db, both[::-1], replica=replica.replica.id)
    assert [lease.needs for lease in second.leases] == [Needs.DOCKER] * 2
    assert await held(database, tenant.queue_id) == 3


@pytest.mark.promise(8)
async def test_a_rate_is_spent_by_all_of_a_queues_jobs_together(database: Database, tenant: Tenant) -> None:
    await add(database, tenant, 5)
    await add(database, tenant, 5, needs=Needs.DOCKER)
    await limit(database, tenant, rate_count=1, rate_seconds=60.0, rate_burst=4)
    replica = await rig(database, offers=BOTH)
    assert await replica.rounds.once() == 4
    assert {flight.lease.needs for flight in replica.flights} == {Needs.HTTP}
    assert await replica.rounds.once() == 0
    await replica.settle()


@pytest.mark.promise(8)
async def test_a_limited_queue_serves_its_kinds_in_turn(database: Database, tenant: Tenant) -> None:
    await add(database, tenant, 4)
    await add(database, tenant, 4, needs=Needs.DOCKER)
    await limit(database, tenant, max_concurrency=1)
    replica = await rig(database, offers=BOTH)
    served = []
    for _ in range(4):
        await replica.rounds.once()
        served += [flight.lease.needs for flight in replica.flights]
        await replica.settle()
    assert sorted(served) == [0, 0, 2, 2]


async def test_a_paused_queue_rests_whatever_its_jobs_need(database: Database, tenant: Tenant) -> None:
    await add(database, tenant, needs=Needs.DOCKER)
    await add(database, tenant, needs=Needs.DOCKER, delay_seconds=0.3)
    async with database.raw() as db:
        await db.execute("UPDATE queues SET paused = true")
    replica = await rig(database, offers=BOTH)
    assert await replica.rounds.once() == 0
    assert await tally(database) == {"ready": 1, "timers": 1}


@pytest.mark.promise(8)
async def test_a_crowd_that_nobody_can_serve_is_in_nobodys_way(database: Database, tenant: Tenant) -> None:
    """Ten thousand wait at the head of the queue; to claim those behind them costs an index level more."""
    made = await add(database, tenant, 20)
    async with database.raw() as db:
        alone = await _read(db, tenant)
    for _ in range(10):
        await add(database, tenant, 1000, needs=Needs.DOCKER, priority=100)
    async with database.raw() as db:
        await db.execute("ANALYZE")
        assert await _read(db, tenant) < 2 * alone
    ahead = await add(database, tenant, delay_seconds=0.2)
    replica = await rig(database, concurrency=8)
    await replica.work()
    assert replica.sent()[:20] == made
    assert set(replica.sent()[20:]) <= set(ahead)
    async with database.raw() as db:
        assert await count(db, "ready") == 10_000


async def _read(db: Raw, tenant: Tenant) -> int:
    """Buffers that looking for HTTP jobs and claiming ten of them touches."""
    first = datetime.min.replace(tzinfo=UTC)
    survey = await _buffers(db, statements.SURVEY, first, 1024, UUID(int=0), [0])
    return survey + await _buffers(
        db, statements.CLAIM, uuid4(), [tenant.queue_id], [10], [jobs.BEFORE_ALL], [0]
    )


async def _buffers(db: Raw, statement: str, *given: object) -> int:
    made = db.transaction()
    await made.start()
    plan = await db.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", *given)
    await made.rollback()
    touched: int = plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"]
    return touched
