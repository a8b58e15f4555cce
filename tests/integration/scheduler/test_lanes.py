"""Replicas and lanes: a definition's limit holds over the fleet, a function's over all tenants."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import pytest

from core.db import Database
from tests.integration.scheduler.rig import Rig, add, rig
from tests.jobs import Tenant, make_tenant
from tests.limiting import LANE, function_limit, lane_in

REPLICAS = 3


async def most_at_once(
    database: Database, database_url: str, replicas: Sequence[Rig], jobs: Sequence[UUID], where: str
) -> int:
    """The most leases that any snapshot has shown until all of these jobs were done."""
    over, most = asyncio.Event(), 0

    async def work(replica: Rig) -> None:
        while sum(len(each.sent()) for each in replicas) < len(jobs):
            await replica.rounds.once()
            await replica.settle()

    async def watch() -> None:
        nonlocal most
        own = Database(database_url, name="watcher")
        while not over.is_set():
            async with own.raw() as db:
                most = max(most, await db.fetchval(f"SELECT count(*) FROM leases WHERE {where}"))
        await own.close()

    watching = asyncio.create_task(watch())
    async with asyncio.timeout(60):
        await asyncio.gather(*(work(replica) for replica in replicas))
    over.set()
    await watching
    assert sorted(job for each in replicas for job in each.sent()) == sorted(jobs)
    return most


@pytest.mark.promise(8)
async def test_twenty_jobs_of_a_definition_never_run_more_than_three_at_once(
    database: Database, database_url: str, tenant: Tenant
) -> None:
    mine = await lane_in(database, tenant, most=3)
    made = await add(database, mine, 20, queue=LANE)
    replicas = [await rig(database, concurrency=10) for _ in range(REPLICAS)]
    most = await most_at_once(database, database_url, replicas, made, f"queue_id = '{mine.queue_id}'")
    assert 1 <= most <= 3


@pytest.mark.promise(8)
async def test_a_functions_limit_holds_over_two_tenants(
    database: Database, database_url: str, tenant: Tenant
) -> None:
    shares, other = await function_limit(database, 3), await make_tenant(database)
    made = list[UUID]()
    for each in (tenant, other):
        made += await add(database, await lane_in(database, each, shares=shares), 10, queue=LANE)
        made += await add(database, each, 10)
    replicas = [await rig(database, concurrency=20) for _ in range(REPLICAS)]
    most = await most_at_once(database, database_url, replicas, made, "shares IS NOT NULL")
    assert 1 <= most <= 3


async def test_a_job_without_a_limit_passes_those_that_are_blocked(
    database: Database, tenant: Tenant
) -> None:
    mine = await lane_in(database, tenant, shares=await function_limit(database, 1))
    await add(database, mine, 5, queue=LANE)
    replica = await rig(database, concurrency=10)
    replica.sender.go.clear()
    assert await replica.rounds.once() == 1
    await add(database, tenant, 4)
    await asyncio.sleep(0)
    assert await replica.rounds.once() == 4
    replica.sender.go.set()
    await replica.settle()
