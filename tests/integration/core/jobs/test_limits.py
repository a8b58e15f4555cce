"""Claims under limits, by several claimers at once: exact at every instant, and right after every change."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from core.db import Database
from core.jobs import limits
from core.jobs import store as jobs
from core.jobs.limits import Claimed
from core.jobs.model import Lease, Outcome
from tests.jobs import Tenant, make_tenant, new_job, settlement
from tests.limiting import another_queue, lane, limit


@pytest.fixture
async def tenant(database: Database) -> Tenant:
    return await make_tenant(database)


@pytest.fixture
async def watcher(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    opened = await asyncpg.connect(database_url)
    yield opened
    await opened.close()


async def add(database: Database, tenant: Tenant, count: int, **given: object) -> None:
    async with database.raw() as db:
        await jobs.create(db, [new_job(tenant, **given) for _ in range(count)])


async def claim(database: Database, *tenants: Tenant, quota: int = 100) -> Claimed:
    async with database.raw() as db:
        wanted = [(lane(each), quota, None) for each in tenants]
        return await limits.claim(db, wanted, replica=uuid4())


async def settle(database: Database, leases: list[Lease]) -> None:
    async with database.raw() as db:
        await jobs.settle(db, [settlement(lease, Outcome.SUCCEEDED) for lease in leases])


async def test_no_more_is_claimed_than_the_queue_may_have(database: Database, tenant: Tenant) -> None:
    await add(database, tenant, 10)
    await limit(database, tenant, max_concurrency=3)
    first = await claim(database, tenant)
    assert len(first.leases) == 3
    assert not (await claim(database, tenant)).leases
    await settle(database, first.leases[:2])
    assert len((await claim(database, tenant)).leases) == 2


async def test_a_limited_queue_is_closed_to_claims_without_limits(database: Database, tenant: Tenant) -> None:
    await add(database, tenant, 3)
    await add(database, tenant, 3, delay_seconds=0.5)
    await limit(database, tenant, max_concurrency=3)
    async with database.raw() as db:
        assert (await jobs.survey(db, since=None)).lanes == (lane(tenant),)
        assert not await jobs.claim(db, [(tenant.queue_id, 5, None)], replica=uuid4())
        await db.execute("DELETE FROM ready")
        assert not await jobs.claim_ahead(db, replica=uuid4(), limit=5, seconds=1.0)


async def test_queues_of_a_limited_tenant_share_what_it_may_have(database: Database, tenant: Tenant) -> None:
    await limit(database, tenant, whole=True, max_concurrency=5)
    other = await another_queue(database, tenant, "other")
    await limit(database, other, max_concurrency=2)
    await add(database, tenant, 10)
    await add(database, tenant, 10, queue="other")
    claimed = await claim(database, other, tenant)
    assert len(claimed.leases) == 5
    assert sum(lease.queue_id == other.queue_id for lease in claimed.leases) == 2
    assert not (await claim(database, tenant, other)).leases


async def test_a_paused_queue_gives_nothing_whatever_its_limit(database: Database, tenant: Tenant) -> None:
    await add(database, tenant, 3)
    await limit(database, tenant, max_concurrency=3)
    async with database.raw() as db:
        await db.execute("UPDATE queues SET paused = true")
    assert not (await claim(database, tenant)).leases


async def test_leases_made_before_a_limit_count_for_it(database: Database, tenant: Tenant) -> None:
    await add(database, tenant, 10)
    async with database.raw() as db:
        before = await jobs.claim(db, [(tenant.queue_id, 4, None)], replica=uuid4())
    await limit(database, tenant, max_concurrency=5)
    assert len((await claim(database, tenant)).leases) == 1
    await settle(database, before)
    assert len((await claim(database, tenant)).leases) == 4


async def test_a_claim_that_had_not_seen_the_new_limit_is_waited_for(
    database: Database, tenant: Tenant, database_url: str
) -> None:
    await add(database, tenant, 10)
    slow = await asyncpg.connect(database_url)
    async with slow.transaction():
        await jobs.claim(slow, [(tenant.queue_id, 4, None)], replica=uuid4())
        await limit(database, tenant, max_concurrency=5)
        assert not (await claim(database, tenant)).leases
    await slow.close()
    assert len((await claim(database, tenant)).leases) == 1


async def test_a_reader_that_stays_is_not_waited_for(
    database: Database, tenant: Tenant, watcher: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await add(database, tenant, 10)
    async with watcher.transaction(isolation="repeatable_read"):
        await watcher.fetchval("SELECT pg_current_xact_id() IS NULL OR count(*) > 0 FROM leases")
        await limit(database, tenant, max_concurrency=5)
        assert len((await claim(database, tenant)).leases) == 5


async def test_a_changed_limit_holds_for_the_next_claim(database: Database, tenant: Tenant) -> None:
    await add(database, tenant, 10)
    await limit(database, tenant, max_concurrency=3)
    first = (await claim(database, tenant)).leases
    await limit(database, tenant, max_concurrency=1)
    await settle(database, first[:2])
    assert not (await claim(database, tenant)).leases
    await limit(database, tenant, max_concurrency=4)
    assert len((await claim(database, tenant)).leases) == 3
    await limit(database, tenant)
    async with database.raw() as db:
        assert len(await jobs.claim(db, [(tenant.queue_id, 9, None)], replica=uuid4())) == 4


async def test_what_another_claimer_holds_is_left_out(
    database: Database, tenant: Tenant, watcher: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    free = await make_tenant(database)
    for each in (tenant, free):
        await add(database, each, 2)
        await limit(database, each, max_concurrency=1)
    async with watcher.transaction():
        await watcher.fetch("SELECT FROM limits WHERE id = $1 FOR UPDATE", tenant.queue_id)
        claimed = await claim(database, tenant, free)
    assert [lease.queue_id for lease in claimed.leases] == [free.queue_id]


@pytest.mark.promise(8)
async def test_there_are_never_more_leases_than_the_limit_while_it_changes_and_replicas_die(
    database: Database, tenant: Tenant, database_url: str
) -> None:
    """Every lease counts, in every snapshot: of the queue at most 6, of the tenant at most 8."""
    other = await another_queue(database, tenant, "other")
    await limit(database, tenant, max_concurrency=6)
    await limit(database, tenant, whole=True, max_concurrency=8)
    await add(database, tenant, 400)
    await add(database, tenant, 400, queue="other")
    most, over = [0, 0], asyncio.Event()
    queues = [tenant, other]

    async def work(seed: int) -> None:
        own, roll = Database(database_url, name="claimer"), random.Random(seed)
        while not over.is_set():
            leases = (await claim(own, *roll.sample(queues, 2), quota=roll.randint(1, 9))).leases
            kept = [lease for lease in leases if roll.random() < 0.9]
            await settle(own, kept) if kept else None
            if len(kept) < len(leases) and roll.random() < 0.5:
                async with own.raw() as db:
                    await db.execute("DELETE FROM leases WHERE claimed_at < now() - interval '50 ms'")
        await own.close()

    async def change() -> None:
        for number in range(60):
            whole = number % 2 == 0
            await limit(database, tenant, whole=whole, max_concurrency=1 + number % 6)
            await asyncio.sleep(0.02)
            await limit(database, tenant, whole=whole, max_concurrency=8 if whole else 6)
        over.set()

    async def watch() -> None:
        own = Database(database_url, name="watcher")
        while not over.is_set():
            async with own.raw() as db:
                row = await db.fetchrow(
                    "SELECT count(*) FILTER (WHERE queue_id = $1), count(*) FROM leases", tenant.queue_id
                )
            assert row is not None
            most[:] = [max(most[0], row[0]), max(most[1], row[1])]
        await own.close()

    await asyncio.gather(*(work(seed) for seed in range(4)), change(), watch())
    assert most[0] <= 6
    assert most[1] <= 8
    assert max(most) >= 6


async def test_no_period_has_more_starts_than_its_rate_with_two_claimers(
    database: Database, tenant: Tenant, database_url: str
) -> None:
    await add(database, tenant, 100)
    await limit(database, tenant, rate_count=20, rate_seconds=0.5, rate_burst=1)
    until = asyncio.get_running_loop().time() + 1.6

    async def work() -> None:
        own = Database(database_url, name="claimer")
        while asyncio.get_running_loop().time() < until:
            await claim(own, tenant)
        await own.close()

    await asyncio.gather(work(), work())
    async with database.raw() as db:
        rows = await db.fetch("SELECT extract(epoch FROM claimed_at)::float8 FROM leases ORDER BY 1")
    starts = [row[0] for row in rows]
    assert all(last - first >= 0.5 for first, last in zip(starts, starts[20:], strict=False))
    assert all(later - earlier >= 0.025 - 1e-6 for earlier, later in itertools.pairwise(starts))
    assert len(starts) > 20


async def test_two_claimers_under_a_rate_start_jobs_in_the_order_they_became_due(
    database: Database, tenant: Tenant
) -> None:
    await add(database, tenant, 20)
    await limit(database, tenant, rate_count=200, rate_seconds=1.0, rate_burst=1)
    async with database.raw() as db:
        wanted = [row[0] for row in await db.fetch("SELECT job_id FROM ready ORDER BY due_at, job_id")]
    started = 0
    async with asyncio.timeout(20):
        while started < len(wanted):
            both = await asyncio.gather(claim(database, tenant), claim(database, tenant))
            started += sum(len(claimed.leases) for claimed in both)
    async with database.raw() as db:
        assert [row[0] for row in await db.fetch("SELECT job_id FROM leases ORDER BY claimed_at")] == wanted


async def test_a_burst_is_started_at_once_and_spent_after_that(database: Database, tenant: Tenant) -> None:
    await add(database, tenant, 20)
    await limit(database, tenant, rate_count=1, rate_seconds=60.0, rate_burst=5)
    claimed = await claim(database, tenant)
    assert len(claimed.leases) == 5
    assert 59 < claimed.pauses[tenant.queue_id] <= 60.1
    assert not (await claim(database, tenant)).leases


async def test_a_raised_rate_holds_for_the_next_claim(database: Database, tenant: Tenant) -> None:
    await add(database, tenant, 20)
    await limit(database, tenant, rate_count=1, rate_seconds=86_400.0, rate_burst=5)
    await claim(database, tenant)
    await limit(database, tenant, rate_count=1000, rate_seconds=1.0, rate_burst=5)
    await asyncio.sleep(0.002)
    assert (await claim(database, tenant)).leases
