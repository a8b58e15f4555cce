"""The gauges of what waits and of how the database fares."""

import pytest
from prometheus_client import REGISTRY

from core.db import Database
from reaper.watch.depth import Depth
from tests.jobs import make_job, make_tenant


def shown(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


async def test_the_gauges_tell_how_much_waits_and_since_when(database: Database) -> None:
    tenant = await make_tenant(database)
    async with database.raw() as db:
        for _ in range(3):
            await make_job(db, tenant)
        await make_job(db, tenant, delay_seconds=60.0)
        await db.execute("UPDATE ready SET due_at = now() - interval '20 seconds'")
        await db.execute("UPDATE timers SET due_at = now() - interval '10 seconds'")
    await Depth(database).once()
    assert shown("noonmark_ready_jobs") == 3
    assert 20 <= (shown("noonmark_oldest_ready_seconds") or 0) < 30
    assert 10 <= (shown("noonmark_overdue_timer_seconds") or 0) < 20
    assert shown("noonmark_oldest_mail_seconds") == 0


async def test_the_backlog_is_told_by_its_age(database: Database) -> None:
    tenant = await make_tenant(database)
    async with database.raw() as db:
        for seconds in (0, 5, 30, 300):
            job = await make_job(db, tenant)
            await db.execute(
                "UPDATE ready SET due_at = now() - $2 * interval '1 second' WHERE job_id = $1", job, seconds
            )
    await Depth(database).once()
    older = {age: shown("noonmark_backlog_jobs", older_than=age) for age in ("1", "10", "60", "600", "3600")}
    assert older == {"1": 3, "10": 2, "60": 1, "600": 0, "3600": 0}


async def test_nothing_waits_in_an_empty_database(database: Database) -> None:
    await Depth(database).once()
    assert shown("noonmark_ready_jobs") == 0
    assert shown("noonmark_oldest_ready_seconds") == 0


async def test_a_session_that_holds_vacuum_back_is_seen(database: Database) -> None:
    async with database.raw() as held, held.transaction(isolation="repeatable_read"):
        await held.fetchval("SELECT count(*) FROM jobs")
        async with database.raw() as db:
            for _ in range(5):
                await db.execute("CREATE TEMP TABLE passing (); DROP TABLE passing")
        await Depth(database).vacuum()
    assert (shown("noonmark_horizon_age_transactions") or 0) >= 5
    assert (shown("noonmark_oldest_transaction_seconds") or 0) > 0


async def test_the_dead_rows_of_each_busy_table_are_shown(database: Database) -> None:
    await Depth(database).vacuum()
    for table in ("timers", "ready", "leases", "limits", "replicas"):
        assert shown("noonmark_dead_rows", table=table) is not None


async def test_a_history_without_partitions_has_room_for_all_days(plain: Database) -> None:
    await Depth(plain).room()
    assert shown("noonmark_days_ahead") == 14


@pytest.mark.capability("partitions")
async def test_days_of_history_end_with_the_first_that_is_missing(database: Database) -> None:
    async with database.raw() as db:
        await db.execute("SELECT ensure_partitions(8)")
    depth = Depth(database)
    await depth.room()
    assert shown("noonmark_days_ahead") == 8
    async with database.raw() as db:
        day = await db.fetchval("SELECT to_char(now() AT TIME ZONE 'UTC' + interval '3 days', 'YYYYMMDD')")
        await db.execute(f"DROP TABLE events_p{day}")
    await depth.room()
    assert shown("noonmark_days_ahead") == 2
    assert (shown("noonmark_database_bytes") or 0) > 1_000_000
