"""Retention of history: days that are over for everybody are dropped, others are trimmed row by row."""

import asyncio
import json
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from core.db import PLANNED_ANEW, Database, Raw
from reaper import store
from reaper.retention import Days, Trim
from reaper.store import Part
from tests.capabilities import SERVER
from tests.integration.reaper.old import PARENTS, make_day, write
from tests.jobs import Tenant, make_tenant

pytestmark = pytest.mark.capability("partitions")


@pytest.fixture
async def tenant(database: Database) -> Tenant:
    return await tenant_of_old(database)


async def tenant_of_old(database: Database, *, keep: int | None = None) -> Tenant:
    """A tenant that has been there for years."""
    made = await make_tenant(database)
    async with database.raw() as db:
        await db.execute(
            """UPDATE tenants SET created_at = now() - interval '9 years', keep_history_days = $2
               WHERE id = $1""",
            made.id, keep,
        )  # fmt: skip
    return made


async def write_attempt(db: Raw, tenant: UUID, *, ago: float) -> None:
    await db.execute(
        """INSERT INTO attempts (job_id, id, tenant_id, number, lease_token, replica_id, outcome, started_at,
             finished_at, duration_ms, request_id, bytes_sent, truncated)
           SELECT mint(at, 0), mint(at, 0), $1, 1, $1, $1, 'succeeded', now(), now(), 1, 'r', 1, false
           FROM (SELECT now() - $2::float8 * interval '24 hours' AS at) times""",
        tenant, ago,
    )  # fmt: skip


async def days(db: Raw, parent: str = "events") -> set[str]:
    """The days before today that have a partition."""
    rows = await db.fetch(
        """SELECT right(c.relname, 8) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
           WHERE i.inhparent = $1::regclass AND c.relname !~ 'default'
             AND right(c.relname, 8) < to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD')""",
        parent,
    )
    return {row[0] for row in rows}


async def owners(db: Raw) -> dict[UUID, int]:
    """How many events each tenant has."""
    return {row[0]: row[1] for row in await db.fetch("SELECT tenant_id, count(*) FROM events GROUP BY 1")}


async def finish(sweep: Days | Trim) -> None:
    while await sweep.once():
        pass


async def test_a_day_goes_when_its_end_is_thirty_days_ago_and_not_before(
    database: Database, db: Raw, tenant: Tenant
) -> None:
    """The day of thirty days ago ended less than thirty days ago, the day before it at least thirty."""
    await make_day(db, 31)
    young = await make_day(db, 30)
    await write(db, tenant.id, ago=31)
    await finish(Days(database, SERVER))
    assert [await days(db, parent) for parent in PARENTS] == [{young}] * len(PARENTS)


async def test_the_days_are_those_of_the_longest_keeping_tenant(database: Database, db: Raw) -> None:
    await tenant_of_old(database, keep=7)
    await tenant_of_old(database, keep=60)
    await make_day(db, 61)
    young = await make_day(db, 60)
    await finish(Days(database, SERVER))
    assert await days(db) == {young}


async def test_a_tenant_that_says_nothing_counts_for_thirty_days(database: Database, db: Raw) -> None:
    await tenant_of_old(database, keep=7)
    await tenant_of_old(database)
    young = await make_day(db, 29)
    await finish(Days(database, SERVER))
    assert await days(db) == {young}


async def test_without_tenants_the_default_counts(database: Database, db: Raw) -> None:
    await make_day(db, 31)
    young = await make_day(db, 30)
    await finish(Days(database, SERVER))
    assert await days(db) == {young}


async def test_no_day_goes_while_somebody_keeps_for_ever(database: Database, db: Raw, tenant: Tenant) -> None:
    keeper = await tenant_of_old(database, keep=0)
    await make_day(db, 3000)
    await write(db, keeper.id, ago=3000)
    await write(db, tenant.id, ago=3000)
    await finish(Days(database, SERVER))
    await finish(Trim(database, SERVER))
    assert await owners(db) == {keeper.id: 1}


async def test_a_tenant_that_is_being_erased_keeps_nothing(database: Database, db: Raw) -> None:
    await tenant_of_old(database, keep=0)
    await db.execute("UPDATE tenants SET erased_at = now()")
    await make_day(db, 31)
    await finish(Days(database, SERVER))
    assert await days(db) == set()


async def test_today_and_the_days_ahead_stay(database: Database, db: Raw) -> None:
    await tenant_of_old(database, keep=1)
    ahead = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'events'::regclass"
    before = await db.fetchval(ahead)
    await finish(Days(database, SERVER))
    await finish(Trim(database, SERVER))
    assert await db.fetchval(ahead) == before


async def test_two_reapers_at_once_drop_each_day_once(database: Database, db: Raw, tenant: Tenant) -> None:
    for ago in range(31, 36):
        await make_day(db, ago)
    await asyncio.gather(*(finish(Days(database, SERVER)) for _ in range(3)))
    await finish(Days(database, SERVER))
    assert await days(db) == set()


async def test_a_table_in_use_is_given_up_in_time_and_writing_goes_on(
    database: Database, database_url: str, db: Raw, tenant: Tenant
) -> None:
    """A long reader holds the drop up, and must not hold up those who write: they queue behind the drop."""
    old = await make_day(db, 31)
    await write(db, tenant.id, ago=31)
    reader = await asyncpg.connect(database_url)
    async with reader.transaction():
        await reader.fetch("SELECT count(*) FROM events")
        async with asyncio.timeout(5):
            assert await Days(database, SERVER).once() == 0
        async with asyncio.timeout(5):
            await write(db, tenant.id, ago=0)
        assert await days(db) == {old}
        assert await days(db, "attempts") == set()
    await reader.close()
    await finish(Days(database, SERVER))
    assert await days(db) == set()


async def test_writers_wait_no_longer_than_the_drop_tries(
    database: Database, database_url: str, db: Raw, tenant: Tenant
) -> None:
    """They come while it is waiting, and go on when it has given up, with the reader still there."""
    await make_day(db, 31)
    reader = await asyncpg.connect(database_url)
    async with reader.transaction():
        await reader.fetch("SELECT count(*) FROM events")
        dropping = asyncio.create_task(Days(database, SERVER).once())
        waiting = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND NOT granted"
        while not await db.fetchval(waiting):
            continue
        async with asyncio.timeout(3):
            await write(db, tenant.id, ago=0)
        assert await dropping == 0
    await reader.close()


async def test_rows_of_those_who_keep_less_go_and_the_others_stay(
    database: Database, db: Raw, tenant: Tenant
) -> None:
    short, long = await tenant_of_old(database, keep=7), await tenant_of_old(database, keep=365)
    for ago in (9, 40):
        await make_day(db, ago)
        for one in (tenant, short, long):
            await write(db, one.id, ago=ago, rows=5)
    await finish(Trim(database, SERVER, batch=4))
    assert await owners(db) == {tenant.id: 5, long.id: 10}


async def test_attempts_are_trimmed_as_events_are(database: Database, db: Raw, tenant: Tenant) -> None:
    keeper = await tenant_of_old(database, keep=365)
    await make_day(db, 40)
    for one in (tenant, keeper):
        await write_attempt(db, one.id, ago=40)
    await finish(Trim(database, SERVER))
    assert [row[0] for row in await db.fetch("SELECT tenant_id FROM attempts")] == [keeper.id]


async def test_a_pass_removes_no_more_than_a_batch(database: Database, db: Raw, tenant: Tenant) -> None:
    await tenant_of_old(database, keep=0)
    await make_day(db, 40)
    await write(db, tenant.id, ago=40, rows=50)
    trim, before = Trim(database, SERVER, batch=8), 50
    while await trim.once():
        now = (await owners(db)).get(tenant.id, 0)
        assert before - now <= 8
        before = now
    assert await owners(db) == {}


async def test_a_day_that_is_empty_then_goes_although_somebody_keeps_for_ever(
    database: Database, db: Raw, tenant: Tenant
) -> None:
    keeper = await tenant_of_old(database, keep=0)
    await make_day(db, 41)
    kept = await make_day(db, 40)
    await write(db, tenant.id, ago=41, rows=3)
    await write(db, keeper.id, ago=40)
    await finish(Trim(database, SERVER, batch=2))
    assert await days(db) == {kept}


async def test_a_trimmed_day_is_not_read_again_by_any_reaper(
    database: Database, db: Raw, tenant: Tenant
) -> None:
    keeper = await tenant_of_old(database, keep=0)
    await make_day(db, 40)
    await write(db, keeper.id, ago=40, rows=20)
    await finish(Trim(database, SERVER))
    assert await looked(Trim(database, SERVER)) == 0


async def looked(trim: Trim) -> int:
    """How many batches with rows in them a whole round takes, if a batch is one row."""
    rows = 0
    while seen := await trim.once():
        rows += seen - 1
    return rows


@pytest.mark.parametrize("change", ["keep_history_days = 7", "keep_history_days = NULL"])
async def test_a_day_is_trimmed_again_when_a_tenant_changes_its_mind(
    database: Database, db: Raw, tenant: Tenant, change: str
) -> None:
    keeper, wavering = [await tenant_of_old(database, keep=0) for _ in range(2)]
    await make_day(db, 40)
    for one in (tenant, keeper, wavering):
        await write(db, one.id, ago=40)
    await finish(Trim(database, SERVER))
    await db.execute(f"UPDATE tenants SET {change} WHERE id = $1", wavering.id)
    await finish(Trim(database, SERVER))
    assert await owners(db) == {keeper.id: 1}


async def test_a_new_tenant_does_not_make_old_days_be_read_again(
    database: Database, db: Raw, tenant: Tenant
) -> None:
    keeper = await tenant_of_old(database, keep=0)
    await make_day(db, 40)
    await write(db, keeper.id, ago=40, rows=20)
    await finish(Trim(database, SERVER))
    await make_tenant(database)
    assert await looked(Trim(database, SERVER)) == 0


async def test_rows_without_a_day_of_their_own_go_in_their_time_too(
    database: Database, db: Raw, tenant: Tenant
) -> None:
    keeper = await tenant_of_old(database, keep=0)
    for one in (tenant, keeper):
        await write(db, one.id, ago=31)
        await write(db, one.id, ago=29)
    await finish(Trim(database, SERVER))
    assert await owners(db) == {tenant.id: 1, keeper.id: 2}


async def test_two_reapers_at_once_trim_without_harm(database: Database, db: Raw, tenant: Tenant) -> None:
    keeper = await tenant_of_old(database, keep=0)
    await make_day(db, 40)
    for one in (tenant, keeper):
        await write(db, one.id, ago=40, rows=40)
    await asyncio.gather(*(finish(Trim(database, SERVER, batch=3)) for _ in range(3)))
    await finish(Trim(database, SERVER))
    assert await owners(db) == {keeper.id: 40}


async def test_a_day_in_use_does_not_stop_the_trimming_of_others(
    database: Database, database_url: str, db: Raw, tenant: Tenant
) -> None:
    await tenant_of_old(database, keep=0)
    for ago in (41, 40):
        await make_day(db, ago)
        await write(db, tenant.id, ago=ago)
    reader = await asyncpg.connect(database_url)
    async with reader.transaction():
        await reader.fetch("SELECT count(*) FROM events")
        await finish(Trim(database, SERVER))
    await reader.close()
    assert await owners(db) == {}
    await finish(Trim(database, SERVER))
    assert await days(db) == set()


async def test_a_day_that_is_over_for_everybody_is_not_removed_row_by_row(
    database: Database, db: Raw, tenant: Tenant
) -> None:
    await make_day(db, 40)
    await write(db, tenant.id, ago=40)
    await finish(Trim(database, SERVER))
    assert await owners(db) == {tenant.id: 1}


async def test_a_pass_reads_no_more_than_its_batch_of_a_long_day(
    database: Database, database_url: str, db: Raw, tenant: Tenant
) -> None:
    await tenant_of_old(database, keep=0)
    name = f"events_p{await make_day(db, 40)}"
    await write(db, tenant.id, ago=40, rows=50_000)
    await db.execute("ANALYZE")
    planner = await asyncpg.connect(database_url, server_settings={"jit": "off", **PLANNED_ANEW})
    async with planner.transaction():
        await planner.execute("SET LOCAL enable_seqscan = off")
        part = Part(name, "a day's own")
        statement = f"EXPLAIN (ANALYZE, FORMAT JSON) {store.trimming(part)}"
        explained = await planner.fetchval(statement, 500, *store.first(part))
    await planner.close()
    read = [node for node in nodes(json.loads(explained)[0]["Plan"]) if node.get("Relation Name") == name]
    assert read
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in read) <= 1500


def nodes(node: dict[str, Any]) -> list[dict[str, Any]]:
    """A node of a plan and all below it."""
    return [node, *(below for child in node.get("Plans", ()) for below in nodes(child))]
