"""Retention of a history that was made without partitions: everything goes row by row, in its time."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from core.capabilities import Capabilities
from core.db import Database, Raw
from core.ids import new
from core.jobs import store as jobs
from reaper.retention import Days, Trim
from reaper.upkeep import Upkeep
from tests.integration.reaper.old import PARENTS, minted, write
from tests.integration.reaper.test_history_retention import finish, owners, tenant_of_old, write_attempt
from tests.jobs import Tenant, make_job, settlement

LACKING = Capabilities(notify=False, advisory_locks=False, partitions=False)


@pytest.fixture
async def tenant(plain: Database) -> Tenant:
    return await tenant_of_old(plain)


@pytest.fixture
async def db(plain: Database) -> AsyncIterator[Raw]:
    async with plain.raw() as opened:
        yield opened


async def write_log(db: Raw, tenant: UUID, *, ago: float) -> None:
    at = await minted(db, ago)
    await db.execute(
        """INSERT INTO logs (job_id, attempt, sequence, id, tenant_id, lease_token, at, stream, lines, text)
           VALUES ($1, 1, 1, $1, $2, $1, now(), 'stdout', 1, 'x')""",
        at, tenant,
    )  # fmt: skip


async def test_rows_go_when_they_are_too_old_and_not_before(plain: Database, db: Raw, tenant: Tenant) -> None:
    for ago in (29.9, 30.1, 400):
        await write(db, tenant.id, ago=ago)
        await write_attempt(db, tenant.id, ago=ago)
        await write_log(db, tenant.id, ago=ago)
    await finish(Trim(plain, LACKING, batch=2))
    assert [await db.fetchval(f"SELECT count(*) FROM {parent}") for parent in PARENTS] == [1, 1, 1]


async def test_each_tenant_keeps_as_long_as_it_says(plain: Database, db: Raw, tenant: Tenant) -> None:
    short, long, ever = [await tenant_of_old(plain, keep=keep) for keep in (7, 365, 0)]
    for ago in (6, 9, 40, 400):
        for one in (tenant, short, long, ever):
            await write(db, one.id, ago=ago)
    await finish(Trim(plain, LACKING, batch=3))
    assert await owners(db) == {tenant.id: 2, short.id: 1, long.id: 3, ever.id: 4}


async def test_what_a_young_job_left_is_not_looked_at(plain: Database, db: Raw, tenant: Tenant) -> None:
    await write(db, tenant.id, ago=40, rows=3)
    await write(db, tenant.id, ago=1, rows=500)
    trim, looked = Trim(plain, LACKING, batch=10), 0
    while seen := await trim.once():
        looked += seen
    # One more for each of the three tables, which a pass at least counts.
    assert looked <= 3 + len(PARENTS)


async def test_what_an_old_job_left_lately_stays(plain: Database, db: Raw, tenant: Tenant) -> None:
    job = await minted(db, 400)
    await db.execute(
        """INSERT INTO events (job_id, id, tenant_id, kind, at)
           VALUES ($1, mint(now(), 0), $2, 'created', now())""",
        job, tenant.id,
    )  # fmt: skip
    await finish(Trim(plain, LACKING))
    assert await owners(db) == {tenant.id: 1}


async def test_two_reapers_at_once_trim_without_harm(plain: Database, db: Raw, tenant: Tenant) -> None:
    keeper = await tenant_of_old(plain, keep=0)
    for one in (tenant, keeper):
        await write(db, one.id, ago=40, rows=40)
    await asyncio.gather(*(finish(Trim(plain, LACKING, batch=3)) for _ in range(3)))
    await finish(Trim(plain, LACKING))
    assert await owners(db) == {keeper.id: 40}


async def test_there_are_no_days_to_drop_or_to_make(plain: Database, db: Raw) -> None:
    assert await Days(plain, LACKING).once() == 0
    assert await Upkeep(plain).ready()


async def test_history_is_written_as_ever(plain: Database, db: Raw, tenant: Tenant) -> None:
    await make_job(db, tenant)
    [lease] = await jobs.claim(db, [(tenant.queue_id, 1, None)], replica=new())
    await jobs.settle(db, [settlement(lease)])
    assert await db.fetchval("SELECT count(*) FROM attempts") == 1
