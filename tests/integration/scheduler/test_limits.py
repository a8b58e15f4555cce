"""Rounds with limited queues: their limits hold over all replicas, and blocked ones hold up nobody."""

import asyncio
from typing import Any

import pytest

from core.db import Database
from core.jobs import limits
from tests.integration.scheduler.rig import add, rig
from tests.jobs import Tenant, make_tenant
from tests.limiting import another_queue, held, limit


class Count:
    """Counts the claims under limits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.claims = 0
        real = limits.claim

        async def counted(*args: Any, **given: Any) -> limits.Claimed:
            self.claims += 1
            return await real(*args, **given)

        monkeypatch.setattr(limits, "claim", counted)


@pytest.mark.promise(8)
async def test_replicas_together_hold_no_more_than_the_limit_and_all_jobs_end(
    database: Database, tenant: Tenant
) -> None:
    made = await add(database, tenant, 40)
    await limit(database, tenant, max_concurrency=3)
    replicas = [await rig(database, concurrency=10) for _ in range(3)]
    most = 0
    async with asyncio.timeout(30):
        while sum(len(replica.sent()) for replica in replicas) < len(made):
            await asyncio.gather(*(replica.rounds.once() for replica in replicas))
            most = max(most, await held(database, tenant.queue_id))
            await asyncio.gather(*(replica.settle() for replica in replicas))
    assert most == 3
    assert sorted(job for replica in replicas for job in replica.sent()) == sorted(made)


@pytest.mark.promise(8)
async def test_a_blocked_queue_costs_no_statement_and_delays_nobody(
    database: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await make_tenant(database)
    await limit(database, tenant, max_concurrency=1)
    await add(database, tenant, 1)
    replica = await rig(database, concurrency=10, resting=lambda: 0.0)
    blocking = await rig(database, concurrency=10)
    blocking.sender.go.clear()
    assert await blocking.rounds.once() == 1
    await backlog(database, tenant, 100_000)
    assert await replica.rounds.once() == 0
    count = Count(monkeypatch)
    [lone] = await add(database, other)
    assert await replica.rounds.once() == 1
    assert [flight.lease.job_id for flight in replica.flights] == [lone]
    assert count.claims == 0
    assert replica.rounds.pause() > 0.03 or not len(replica.flights)
    await replica.settle()
    blocking.sender.go.set()
    await blocking.settle()


async def test_a_job_that_ends_here_opens_its_queue_at_once(database: Database, tenant: Tenant) -> None:
    await add(database, tenant, 3)
    await limit(database, tenant, max_concurrency=1)
    replica = await rig(database)
    for _ in range(3):
        assert await replica.rounds.once() == 1
        assert await replica.rounds.once() == 0
        await replica.settle()


async def test_queues_of_a_limited_tenant_take_turns(database: Database, tenant: Tenant) -> None:
    other = await another_queue(database, tenant, "other")
    await limit(database, tenant, whole=True, max_concurrency=1)
    await add(database, tenant, 5)
    await add(database, tenant, 5, queue="other")
    replica = await rig(database)
    served = []
    for _ in range(4):
        await replica.rounds.once()
        served += [flight.lease.queue_id for flight in replica.flights]
        await replica.settle()
    assert sorted(served) == sorted([tenant.queue_id, other.queue_id] * 2)


async def test_slots_that_a_limited_queue_leaves_are_taken_by_others(
    database: Database, tenant: Tenant
) -> None:
    other = await make_tenant(database)
    await add(database, tenant, 30)
    await add(database, other, 30)
    await limit(database, tenant, max_concurrency=2)
    replica = await rig(database, concurrency=20)
    assert await replica.rounds.once() == 20
    assert await held(database, tenant.queue_id) == 2
    await replica.settle()


async def test_a_round_sleeps_until_the_rate_allows_the_next_start(
    database: Database, tenant: Tenant
) -> None:
    await add(database, tenant, 3)
    await limit(database, tenant, rate_count=10, rate_seconds=9.0)
    replica = await rig(database)
    assert await replica.rounds.once() == 1
    await replica.settle()
    assert await replica.rounds.once() == 0
    assert 0 < replica.rounds.pause() <= 0.91
    await asyncio.sleep(replica.rounds.pause())
    assert await replica.rounds.once() == 1
    await replica.settle()


@pytest.mark.promise(8)
async def test_no_slot_is_lost_with_a_replica(database: Database, tenant: Tenant) -> None:
    await add(database, tenant, 4)
    await limit(database, tenant, max_concurrency=2)
    dead = await rig(database)
    dead.sender.go.clear()
    assert await dead.rounds.once() == 2
    async with database.raw() as db:
        await db.execute("DELETE FROM leases")
    replica = await rig(database)
    assert await replica.rounds.once() == 2
    await replica.settle()


async def backlog(database: Database, tenant: Tenant, count: int) -> None:
    """So many due jobs that are never looked at."""
    async with database.raw() as db:
        await db.execute(
            """INSERT INTO ready (queue_id, rank_at, job_id, tenant_id, due_at, attempt, losses, priority)
               SELECT $1, now() + i * interval '1 us', gen_random_uuid(), $2, now(), 1, 0, 50
               FROM generate_series(1, $3::int) i""",
            tenant.queue_id, tenant.id, count,
        )  # fmt: skip
