"""Claims in lanes that share a limit: exact at every instant, over tenants and claimers."""

import asyncio
import random
from uuid import uuid4

import pytest

from core.db import Database
from core.jobs import limits
from core.jobs import store as jobs
from core.jobs.limits import Claimed
from core.jobs.model import Lease, Outcome
from tests.jobs import Tenant, make_tenant, new_job, settlement
from tests.limiting import LANE, function_limit, lane, lane_in, limit


@pytest.fixture
async def tenant(database: Database) -> Tenant:
    return await make_tenant(database)


async def add(database: Database, tenant: Tenant, count: int, queue: str = LANE) -> None:
    async with database.raw() as db:
        await jobs.create(db, [new_job(tenant, queue=queue) for _ in range(count)])


async def claim(database: Database, *tenants: Tenant, quota: int = 100) -> Claimed:
    async with database.raw() as db:
        wanted = [(lane(each), quota, None) for each in tenants]
        return await limits.claim(db, wanted, replica=uuid4())


async def settle(database: Database, leases: list[Lease]) -> None:
    async with database.raw() as db:
        await jobs.settle(db, [settlement(lease, Outcome.SUCCEEDED) for lease in leases])


async def count(database: Database, where: str = "true") -> int:
    async with database.raw() as db:
        found: int = await db.fetchval(f"SELECT count(*) FROM leases WHERE {where}")
    return found


async def test_lanes_of_two_tenants_have_a_limit_together(database: Database, tenant: Tenant) -> None:
    shares, other = await function_limit(database, 3), await make_tenant(database)
    mine, theirs = [await lane_in(database, each, shares=shares) for each in (tenant, other)]
    await add(database, mine, 5)
    await add(database, theirs, 5)
    first = await claim(database, mine, theirs)
    assert [lease.queue_id for lease in first.leases] == [mine.queue_id] * 3
    assert not (await claim(database, theirs, mine)).leases
    await settle(database, first.leases[:2])
    second = await claim(database, theirs, mine)
    assert [lease.queue_id for lease in second.leases] == [theirs.queue_id] * 2


async def test_a_lane_keeps_to_its_own_its_functions_and_its_tenants_limit(
    database: Database, tenant: Tenant
) -> None:
    shares, other = await function_limit(database, 5), await make_tenant(database)
    mine = await lane_in(database, tenant, shares=shares, most=4)
    theirs = await lane_in(database, other, shares=shares)
    await limit(database, mine, whole=True, max_concurrency=3)
    await add(database, mine, 9)
    await add(database, theirs, 9)
    claimed = (await claim(database, mine, theirs)).leases
    # What is left to one lane by its tenant's limit goes to the other with the next claim.
    claimed += (await claim(database, theirs)).leases
    assert [sum(one.queue_id == each.queue_id for one in claimed) for each in (mine, theirs)] == [3, 2]
    await limit(database, mine, whole=True)
    await settle(database, [one for one in claimed if one.queue_id == theirs.queue_id])
    assert len((await claim(database, mine)).leases) == 1, "its own limit is 4"


async def test_while_somebody_holds_the_shared_limit_its_lanes_give_nothing(
    database: Database, tenant: Tenant
) -> None:
    shares = await function_limit(database, 3)
    mine = await lane_in(database, tenant, shares=shares)
    await add(database, mine, 5)
    async with database.raw() as holder, holder.transaction():
        await holder.execute("SELECT FROM limits WHERE id = $1 FOR UPDATE", shares)
        assert not (await claim(database, mine)).leases
    assert len((await claim(database, mine)).leases) == 3


async def test_a_shared_limit_that_is_taken_away_holds_nobody_up(database: Database, tenant: Tenant) -> None:
    mine = await lane_in(database, tenant, shares=await function_limit(database, None))
    await add(database, mine, 5)
    assert len((await claim(database, mine)).leases) == 5


async def test_a_lane_shares_one_limit_for_ever(database: Database, tenant: Tenant) -> None:
    await lane_in(database, tenant, most=4)
    shares = await function_limit(database, 3)
    await lane_in(database, tenant, shares=shares, most=4)
    with pytest.raises(AssertionError):
        await lane_in(database, tenant, shares=await function_limit(database, 3), most=4)


@pytest.mark.promise(8)
async def test_there_are_never_more_leases_than_a_shared_limit_while_it_changes_and_replicas_die(
    database: Database, tenant: Tenant, database_url: str
) -> None:
    """Every lease counts, in every snapshot: over both tenants at most 5, of one of them at most 3."""
    shares, other = await function_limit(database, 5), await make_tenant(database)
    mine = await lane_in(database, tenant, shares=shares, most=3)
    theirs = await lane_in(database, other, shares=shares)
    for each in (mine, theirs):
        await add(database, each, 300)
    most, over = [0, 0], asyncio.Event()

    async def work(seed: int) -> None:
        own, roll = Database(database_url, name="claimer"), random.Random(seed)
        while not over.is_set():
            lanes = roll.sample([mine, theirs], roll.randint(1, 2))
            leases = (await claim(own, *lanes, quota=roll.randint(1, 9))).leases
            kept = [lease for lease in leases if roll.random() < 0.9]
            await settle(own, kept) if kept else None
            if len(kept) < len(leases) and roll.random() < 0.5:
                async with own.raw() as db:
                    await db.execute("DELETE FROM leases WHERE claimed_at < now() - interval '50 ms'")
        await own.close()

    async def change() -> None:
        for number in range(40):
            async with database.raw() as db:
                await db.execute(
                    "UPDATE limits SET max_concurrency = $2 WHERE id = $1", shares, 1 + number % 5
                )
            await asyncio.sleep(0.03)
        over.set()

    async def watch() -> None:
        own = Database(database_url, name="watcher")
        while not over.is_set():
            async with own.raw() as db:
                row = await db.fetchrow(
                    "SELECT count(*), count(*) FILTER (WHERE queue_id = $1) FROM leases", mine.queue_id
                )
            assert row is not None
            most[:] = [max(most[0], row[0]), max(most[1], row[1])]
        await own.close()

    await asyncio.gather(*(work(seed) for seed in range(3)), change(), watch())
    assert most[0] <= 5
    assert most[1] <= 3
    assert most[0] >= 4
