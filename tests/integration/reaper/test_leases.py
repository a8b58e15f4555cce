"""The lease sweep: what it takes, when it dares to, and that exactly one of two wins."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from core.db import Database, Raw
from core.jobs import store as jobs
from core.jobs.model import Expired, Fate, Lease, Outcome
from core.replicas import store as replicas
from core.replicas.store import Replica
from reaper.leases import LeaseSweep
from tests.jobs import Tenant, make_job, make_tenant, settlement
from tests.unit.scheduler.fakes import FakeClock

TTL = 15.0
AWAY = asyncpg.ConnectionDoesNotExistError("gone")


@pytest.fixture
async def tenant(database: Database) -> Tenant:
    return await make_tenant(database)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def settled_view(sweep: LeaseSweep, clock: FakeClock) -> None:
    """Let the sweep look on until its next pass is the first that may act."""
    for _ in range(8):
        assert await sweep.once() == 0
        clock.now += 2.0


async def leased(db: Raw, tenant: Tenant, *, replica: UUID | None = None, **given: Any) -> Lease:
    """A lease of a replica that never beat, unless one is named."""
    await make_job(db, tenant, **given)
    [lease] = await jobs.claim(db, [(tenant.queue_id, 1, None)], replica=replica or uuid4())
    return lease


async def alive(db: Raw, *, ttl_seconds: float = TTL) -> UUID:
    """A replica that has just beaten."""
    replica = Replica(uuid4(), 8, "test")
    await replicas.beat(db, replica, ttl_seconds=ttl_seconds, draining=False)
    return replica.id


async def ready_sweep(database: Database, clock: FakeClock) -> LeaseSweep:
    """One that may act at its next pass."""
    sweep = LeaseSweep(database, ttl_seconds=TTL, now=clock)
    await settled_view(sweep, clock)
    return sweep


async def test_a_lease_whose_replica_is_gone_ends_as_lost(
    database: Database, tenant: Tenant, clock: FakeClock
) -> None:
    sweep = await ready_sweep(database, clock)
    async with database.raw() as db:
        lease = await leased(db, tenant)
        assert await sweep.once() == 1
        row = await db.fetchrow("SELECT number, outcome, error_code, lease_token, finished_at FROM attempts")
        assert tuple(row)[:4] == (1, "lost", "replica_lost", lease.lease_token)
        assert row["finished_at"] is not None
        assert await db.fetchval("SELECT attempt FROM timers") == 2


async def test_a_lease_of_a_replica_that_beats_is_left_alone(
    database: Database, tenant: Tenant, clock: FakeClock
) -> None:
    """However long its job takes: here it is in its second hour."""
    sweep = await ready_sweep(database, clock)
    async with database.raw() as db:
        await leased(db, tenant, replica=await alive(db), timeout_seconds=3600)
        await db.execute("UPDATE leases SET claimed_at = claimed_at - interval '59 min'")
        assert await sweep.once() == 0


async def test_a_lease_that_overran_its_deadline_by_the_margin_is_taken_from_a_live_replica(
    database: Database, tenant: Tenant, clock: FakeClock
) -> None:
    sweep = await ready_sweep(database, clock)
    async with database.raw() as db:
        await leased(db, tenant, replica=await alive(db))
        await db.execute("UPDATE leases SET deadline_at = now() - interval '9 s'")
        assert await sweep.once() == 0
        await db.execute("UPDATE leases SET deadline_at = now() - interval '11 s'")
        assert await sweep.once() == 1


async def test_two_sweeps_at_once_take_each_lease_once(
    database: Database, tenant: Tenant, clock: FakeClock
) -> None:
    sweeps = [await ready_sweep(database, clock) for _ in range(3)]
    async with database.raw() as db:
        for _ in range(120):
            await leased(db, tenant)
    taken = await asyncio.gather(*(sweep.once() for sweep in sweeps))
    async with database.raw() as db:
        assert sum(taken) == 120
        assert await db.fetchval("SELECT count(*) FROM attempts") == 120
        assert await db.fetchval("SELECT max(attempt) FROM timers") == 2


async def test_it_does_nothing_until_its_view_was_clear_for_a_time_to_live(
    database: Database, tenant: Tenant, clock: FakeClock
) -> None:
    sweep = LeaseSweep(database, ttl_seconds=TTL, now=clock)
    async with database.raw() as db:
        await leased(db, tenant)
    await settled_view(sweep, clock)
    assert await sweep.once() == 1


@pytest.mark.parametrize("gap", [TTL, 60.0])
async def test_a_gap_in_its_view_starts_the_wait_again(
    database: Database, tenant: Tenant, clock: FakeClock, gap: float
) -> None:
    """It was frozen itself, and cannot know what the database went through meanwhile."""
    sweep = await ready_sweep(database, clock)
    async with database.raw() as db:
        await leased(db, tenant)
    clock.now += gap
    await settled_view(sweep, clock)
    assert await sweep.once() == 1


async def test_an_outage_of_the_database_is_not_the_death_of_the_fleet(
    database: Database, tenant: Tenant, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = await ready_sweep(database, clock)
    async with database.raw() as db:
        await leased(db, tenant)

    async def away(*_: object, **__: object) -> bool:
        raise AWAY

    with monkeypatch.context() as patched:
        patched.setattr(jobs, "any_expired", away)
        with pytest.raises(asyncpg.ConnectionDoesNotExistError):
            await sweep.once()
    clock.now += 2.0
    await settled_view(sweep, clock)
    assert await sweep.once() == 1


async def test_a_database_that_stood_still_is_not_the_death_of_the_fleet(
    database: Database, tenant: Tenant, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clock ran on, so every replica's row has expired by the time the answer comes."""
    sweep = await ready_sweep(database, clock)
    async with database.raw() as db:
        await leased(db, tenant)
    real = jobs.any_expired

    async def frozen(db: Raw, *, margin_seconds: float) -> bool:
        clock.now += 20.0
        return await real(db, margin_seconds=margin_seconds)

    monkeypatch.setattr(jobs, "any_expired", frozen)
    assert await sweep.once() == 0


async def test_a_database_that_stood_still_after_the_look_is_not_either(
    database: Database, tenant: Tenant, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = await ready_sweep(database, clock)
    async with database.raw() as db:
        await leased(db, tenant)
    real = jobs.expired

    async def frozen(db: Raw, *, limit: int, margin_seconds: float) -> list[Expired]:
        clock.now += 20.0
        return await real(db, limit=limit, margin_seconds=margin_seconds)

    monkeypatch.setattr(jobs, "expired", frozen)
    assert await sweep.once() == 0
    async with database.raw() as db:
        assert await db.fetchval("SELECT count(*) FROM leases") == 1


async def test_a_lost_lease_with_a_requested_cancel_ends_cancelled(
    database: Database, tenant: Tenant, clock: FakeClock
) -> None:
    sweep = await ready_sweep(database, clock)
    async with database.raw() as db:
        await leased(db, tenant)
        await db.execute("UPDATE leases SET cancel_requested_at = now()")
        assert await sweep.once() == 1
        assert await db.fetchval("SELECT state FROM endings") == "cancelled"
        assert await db.fetchval("SELECT outcome FROM attempts") == "lost"


@pytest.mark.promise(3)
async def test_a_lost_only_attempt_ends_as_a_dead_letter_that_says_so(
    database: Database, tenant: Tenant, clock: FakeClock
) -> None:
    sweep = await ready_sweep(database, clock)
    async with database.raw() as db:
        await leased(db, tenant, retry='{"max_attempts":1}')
        assert await sweep.once() == 1
        row = await db.fetchrow(
            "SELECT e.state, d.error_code, d.attempts FROM endings e JOIN dead_letters d USING (job_id)"
        )
        assert tuple(row) == ("failed", "replica_lost", 1)


async def test_the_first_loss_comes_back_within_five_seconds_and_the_second_by_policy(
    database: Database, tenant: Tenant, clock: FakeClock
) -> None:
    sweep = await ready_sweep(database, clock)
    waits = "SELECT extract(epoch FROM due_at - now())::float8, attempt, losses FROM timers"
    async with database.raw() as db:
        await leased(db, tenant, retry='{"base_seconds":100,"jitter":0}')
        await sweep.once()
        first = await db.fetchrow(waits)
        assert tuple(first)[1:] == (2, 1)
        assert -1 < first[0] <= 5
        await again(db, tenant)
        await sweep.once()
        second = await db.fetchrow(waits)
        assert tuple(second)[1:] == (3, 2)
        assert 195 < second[0] <= 200


async def again(db: Raw, tenant: Tenant) -> Lease:
    """Claim the job that waits for its next attempt, as if its time had come."""
    await db.execute("UPDATE timers SET due_at = now()")
    await jobs.plan(db, limit=10, since=None)
    [lease] = await jobs.claim(db, [(tenant.queue_id, 1, None)], replica=uuid4())
    return lease


async def test_an_answer_in_between_forgives_earlier_losses(
    database: Database, tenant: Tenant, clock: FakeClock
) -> None:
    sweep = await ready_sweep(database, clock)
    async with database.raw() as db:
        await leased(db, tenant)
        await sweep.once()
        lease = await again(db, tenant)
        await jobs.settle(db, [settlement(lease, Outcome.FAILED, retry_seconds=0.0)])
        assert await db.fetchval("SELECT losses FROM timers") == 0


@pytest.mark.promise(3)
async def test_a_job_that_kills_every_replica_ends_in_the_dead_letters(
    database: Database, tenant: Tenant, clock: FakeClock
) -> None:
    sweep = await ready_sweep(database, clock)
    async with database.raw() as db:
        await leased(db, tenant)
        for number in range(1, 5):
            assert await sweep.once() == 1
            assert await db.fetchval("SELECT max(number) FROM attempts") == number
            if number < 4:
                await again(db, tenant)
        numbers = await db.fetch("SELECT number FROM attempts ORDER BY number")
        assert [row[0] for row in numbers] == [1, 2, 3, 4]
        assert await db.fetchval("SELECT attempts FROM dead_letters") == 4


async def test_more_than_a_batch_is_taken_in_several_passes(
    database: Database, tenant: Tenant, clock: FakeClock
) -> None:
    sweep = await ready_sweep(database, clock)
    async with database.raw() as db:
        for _ in range(201):
            await make_job(db, tenant)
        await jobs.claim(db, [(tenant.queue_id, 201, None)], replica=uuid4())
    assert [await sweep.once(), await sweep.once(), await sweep.once()] == [200, 1, 0]


@pytest.mark.promise(5)
async def test_of_a_reaper_and_a_late_replica_exactly_one_wins(
    database: Database, tenant: Tenant, clock: FakeClock
) -> None:
    """300 rounds, both let go at the same instant."""
    sweep = await ready_sweep(database, clock)
    winners: dict[str, int] = {"reaper": 0, "replica": 0}
    for _ in range(300):
        async with database.raw() as db:
            lease = await leased(db, tenant)
        gate = asyncio.Barrier(2)
        reaped, fate = await asyncio.gather(reap(sweep, gate), finish(database, lease, gate))
        assert (reaped, fate) in {(1, Fate.FENCED), (0, Fate.SUCCEEDED)}
        winners["reaper" if reaped else "replica"] += 1
        async with database.raw() as db:
            rows = await db.fetch("SELECT outcome FROM attempts WHERE job_id = $1", lease.job_id)
            assert [row[0] for row in rows] == ["lost" if reaped else "succeeded"]
            await db.execute("DELETE FROM timers")
    assert all(winners.values()), winners


async def reap(sweep: LeaseSweep, gate: asyncio.Barrier) -> int:
    await gate.wait()
    return await sweep.once()


async def finish(database: Database, lease: Lease, gate: asyncio.Barrier) -> Fate:
    async with database.raw() as db:
        await gate.wait()
        [settled] = await jobs.settle(db, [settlement(lease)])
    return settled.fate
