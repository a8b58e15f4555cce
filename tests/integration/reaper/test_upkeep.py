"""History has a place for a week ahead, and what has outlived its use goes."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from core.db import Database, Raw
from core.jobs import store as jobs
from core.replicas import store as replicas
from core.replicas.store import Replica
from reaper.upkeep import Upkeep
from tests.jobs import make_job, make_tenant, settlement

_PARTITIONS = """
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = $1::regclass ORDER BY c.relname
"""


async def partitions(db: Raw, parent: str) -> list[str]:
    return [row[0] for row in await db.fetch(_PARTITIONS, parent)]


async def day(db: Raw, ahead: int) -> str:
    name: str = await db.fetchval(
        "SELECT to_char(now() AT TIME ZONE 'UTC' + $1 * interval '1 day', 'YYYYMMDD')", ahead
    )
    return name


async def drop(db: Raw, ahead: int) -> None:
    """Lose a day's partitions, as if the reaper had been away for long."""
    for parent in ("attempts", "events"):
        await db.execute(f"DROP TABLE {parent}_p{await day(db, ahead)}")


async def write_event(db: Raw, ahead: timedelta) -> UUID:
    job = uuid4()
    at: datetime = await db.fetchval("SELECT clock_timestamp()")
    await db.execute(
        "INSERT INTO events (job_id, id, tenant_id, kind, at) VALUES ($1, mint($2, 0), $3, 'created', $2)",
        job, at + ahead, uuid4(),
    )  # fmt: skip
    return job


async def where(db: Raw, job: UUID) -> str:
    name: str = await db.fetchval("SELECT tableoid::regclass::text FROM events WHERE job_id = $1", job)
    return name


@pytest.mark.capability("partitions")
async def test_a_fresh_database_has_a_week_ahead(database: Database) -> None:
    async with database.raw() as db:
        expected = [f"attempts_p{await day(db, ahead)}" for ahead in range(8)]
        assert set(expected) <= set(await partitions(db, "attempts"))
        assert "attempts_default" in await partitions(db, "attempts")


@pytest.mark.capability("partitions")
async def test_missing_days_are_made(database: Database) -> None:
    async with database.raw() as db:
        before = [await partitions(db, parent) for parent in ("attempts", "events")]
        await drop(db, 3)
        await drop(db, 5)
        assert await Upkeep(database).partitions() == 0
        assert [await partitions(db, parent) for parent in ("attempts", "events")] == before


@pytest.mark.capability("partitions")
async def test_making_the_days_twice_at_once_makes_each_once(database: Database) -> None:
    async with database.raw() as db:
        await drop(db, 2)
    await asyncio.gather(*(Upkeep(database).partitions() for _ in range(4)))
    assert await Upkeep(database).ready()


@pytest.mark.capability("partitions")
async def test_a_row_without_a_day_goes_to_the_default_and_is_moved_when_its_day_is_made(
    database: Database,
) -> None:
    async with database.raw() as db:
        await drop(db, 4)
        late = await write_event(db, timedelta(days=4))
        assert await where(db, late) == "events_default"
        await Upkeep(database).partitions()
        assert await where(db, late) == f"events_p{await day(db, 4)}"


@pytest.mark.capability("partitions")
async def test_a_row_lands_in_the_partition_of_its_own_day(database: Database) -> None:
    async with database.raw() as db:
        job = await write_event(db, timedelta(0))
        assert await where(db, job) == f"events_p{await day(db, 0)}"


@pytest.mark.capability("partitions")
async def test_it_is_ready_while_two_whole_days_have_a_place(database: Database) -> None:
    upkeep = Upkeep(database)
    async with database.raw() as db:
        await drop(db, 3)
        assert await upkeep.ready()


@pytest.mark.capability("partitions")
@pytest.mark.parametrize("missing", [1, 2])
async def test_it_is_not_ready_when_one_of_the_next_two_days_has_none(
    database: Database, missing: int
) -> None:
    async with database.raw() as db:
        await db.execute(f"DROP TABLE events_p{await day(db, missing)}")
    assert not await Upkeep(database).ready()


@pytest.mark.capability("partitions")
async def test_history_goes_on_without_a_partition_for_today(database: Database) -> None:
    """The reaper was away for longer than the days it had made: nothing may fail because of that."""
    tenant = await make_tenant(database)
    async with database.raw() as db:
        await drop(db, 0)
        await make_job(db, tenant)
        [lease] = await jobs.claim(db, [(tenant.queue_id, 1, None)], replica=uuid4())
        await jobs.settle(db, [settlement(lease)])
        assert await db.fetchval("SELECT count(*) FROM attempts_default") == 1


async def test_replicas_long_gone_are_forgotten_unless_a_lease_names_them(database: Database) -> None:
    tenant = await make_tenant(database)
    gone, fresh, holding = uuid4(), uuid4(), uuid4()
    async with database.raw() as db:
        for replica, ttl in ((gone, -3700.0), (fresh, -60.0), (holding, -3700.0)):
            await replicas.beat(db, Replica(replica, 1, "test"), ttl_seconds=ttl, draining=False)
        await make_job(db, tenant)
        await jobs.claim(db, [(tenant.queue_id, 1, None)], replica=holding)
        assert await Upkeep(database).purge() == 1
        left = {row[0] for row in await db.fetch("SELECT id FROM replicas")}
    assert left == {fresh, holding}


KEYS = (
    "INSERT INTO idempotency_keys SELECT $1, 's', i::text, '', $1, now() + $2 FROM generate_series(1, $3) i"
)


async def test_outlived_keys_go_and_others_stay(database: Database) -> None:
    async with database.raw() as db:
        await db.execute(KEYS, uuid4(), timedelta(seconds=-1), 5)
        await db.execute(KEYS, uuid4(), timedelta(hours=1), 3)
        assert await Upkeep(database).purge() == 5
        assert await db.fetchval("SELECT count(*) FROM idempotency_keys") == 3


@pytest.mark.parametrize("sweeps", [1, 3])
async def test_many_outlived_rows_go_in_batches(database: Database, sweeps: int) -> None:
    async with database.raw() as db:
        await db.execute(KEYS, uuid4(), timedelta(seconds=-1), 2500)

    async def until_nothing_is_left() -> int:
        upkeep, removed = Upkeep(database), 0
        while some := await upkeep.purge():
            assert some <= 1000
            removed += some
        return removed

    assert sum(await asyncio.gather(*(until_nothing_is_left() for _ in range(sweeps)))) == 2500
