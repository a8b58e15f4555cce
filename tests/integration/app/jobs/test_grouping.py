"""Jobs that are stored together are answered each for itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from app.jobs.grouping import Groups
from core.db import Database
from core.jobs.model import Created, NewJob
from tests.jobs import Tenant, make_tenant, new_job

_MEBIBYTE = b"x" * 1024 * 1024


@pytest.fixture
async def tenant(database: Database) -> Tenant:
    return await make_tenant(database)


class Down:
    """A database that is away until it is `up`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.up = False

    @asynccontextmanager
    async def raw(self) -> AsyncIterator[Any]:
        if not self.up:
            raise ConnectionRefusedError
        async with self._database.raw() as db:
            yield db


async def all_of(groups: Groups, new: list[NewJob]) -> list[Created | BaseException]:
    return await asyncio.gather(*(groups.create(job) for job in new), return_exceptions=True)


async def stored(database: Database) -> int:
    async with database.raw() as db:
        return int(await db.fetchval("SELECT count(*) FROM jobs"))


def instants(made: list[Created | BaseException]) -> int:
    """How many statements stored them: all jobs of one have the same instant."""
    return len({one.created_at for one in made if isinstance(one, Created)})


async def test_jobs_that_come_together_are_stored_by_one_statement(
    database: Database, tenant: Tenant
) -> None:
    new = [new_job(tenant) for _ in range(50)]
    made = await all_of(Groups(database), new)
    assert [one.id for one in made if isinstance(one, Created)] == [job.id for job in new]
    assert instants(made) == 1
    assert await stored(database) == 50


async def test_those_that_come_while_a_group_is_under_way_are_stored_after_it(
    database: Database, tenant: Tenant
) -> None:
    groups = Groups(database)
    first, second = await asyncio.gather(
        groups.create(new_job(tenant)), all_of(groups, [new_job(tenant) for _ in range(250)])
    )
    assert first.created
    assert all(isinstance(one, Created) and one.created for one in second)
    assert instants(second) > 1


async def test_a_job_that_the_database_refuses_fails_alone(database: Database, tenant: Tenant) -> None:
    new = [new_job(tenant) for _ in range(9)]
    new[4] = new_job(tenant, labels="no JSON")
    made = await all_of(Groups(database), new)
    assert isinstance(made[4], asyncpg.DataError)
    assert sum(isinstance(one, Created) and one.created for one in made) == 8
    assert await stored(database) == 8


async def test_an_unknown_queue_is_told_to_its_own_request(database: Database, tenant: Tenant) -> None:
    made = await all_of(Groups(database), [new_job(tenant), new_job(tenant, queue="none"), new_job(tenant)])
    assert [one.queue_known for one in made if isinstance(one, Created)] == [True, False, True]
    assert await stored(database) == 2


async def test_of_requests_with_one_key_at_once_one_makes_a_job(database: Database, tenant: Tenant) -> None:
    keyed = {"scope": "POST /v1/jobs", "key": "twice", "request_hash": b"same"}
    new = [new_job(tenant, **keyed) for _ in range(5)] + [new_job(tenant) for _ in range(5)]
    made = await all_of(Groups(database), new)
    assert sum(isinstance(one, Created) and one.created for one in made[:5]) == 1
    assert all(isinstance(one, Created) and one.created for one in made[5:])
    assert await stored(database) == 6


async def test_keys_of_other_tenants_do_not_meet(database: Database, tenant: Tenant) -> None:
    other = await make_tenant(database)
    keyed = {"scope": "POST /v1/jobs", "key": "same", "request_hash": b"same"}
    made = await all_of(Groups(database), [new_job(tenant, **keyed), new_job(other, **keyed)])
    assert all(isinstance(one, Created) and one.created for one in made)
    assert instants(made) == 1


async def test_large_bodies_are_spread_over_statements(database: Database, tenant: Tenant) -> None:
    made = await all_of(Groups(database), [new_job(tenant, body=_MEBIBYTE) for _ in range(9)])
    assert instants(made) == 3


async def test_who_goes_away_takes_nobody_along(database: Database, tenant: Tenant) -> None:
    groups = Groups(database)
    asking = [asyncio.create_task(groups.create(new_job(tenant))) for _ in range(10)]
    await asyncio.sleep(0)
    asking[3].cancel()
    made = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(made[3], asyncio.CancelledError)
    assert sum(isinstance(one, Created) and one.created for one in made) == 9


async def test_an_outage_is_told_to_all_and_ends(database: Database, tenant: Tenant) -> None:
    down: Any = Down(database)
    groups = Groups(down)
    assert all(
        isinstance(one, ConnectionRefusedError)
        for one in await all_of(groups, [new_job(tenant) for _ in range(5)])
    )
    down.up = True
    assert (await groups.create(new_job(tenant))).created
