"""What is found by asking PostgreSQL, and what is left of it."""

import asyncio

import pytest

from core import capabilities, schema
from core.capabilities import Capabilities
from core.db import Database
from tests.integration.scheduler.proxy import proxied


@pytest.mark.capability("partitions")
async def test_a_whole_postgresql_has_all_of_them(database: Database) -> None:
    assert await capabilities.find(database, "") == capabilities.ALL


@pytest.mark.capability("partitions")
@pytest.mark.parametrize(
    ("without", "found"),
    [
        ("notify", Capabilities(notify=False)),
        ("advisory_locks", Capabilities(advisory_locks=False)),
        ("notify, advisory_locks", Capabilities(notify=False, advisory_locks=False)),
    ],
)
async def test_what_is_forced_off_is_not_used(database: Database, without: str, found: Capabilities) -> None:
    assert await capabilities.find(database, without) == found


async def test_a_history_that_was_made_without_partitions_has_none(plain: Database) -> None:
    assert not (await capabilities.find(plain, "")).partitions


@pytest.mark.capability("partitions")
async def test_a_history_that_was_made_with_partitions_keeps_them(database: Database) -> None:
    assert (await capabilities.find(database, "partitions")).partitions


async def test_asking_leaves_nothing(database: Database) -> None:
    await capabilities.find(database, "")
    async with database.raw() as db:
        assert await db.fetch("SELECT * FROM pg_listening_channels()") == []
        assert await db.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0


async def test_any_number_who_ask_at_once_find_the_same(database: Database) -> None:
    found = await asyncio.gather(*(capabilities.find(database, "") for _ in range(20)))
    assert all(one.advisory_locks and one.notify for one in found)


@pytest.mark.parametrize("body", ["BEGIN RAISE feature_not_supported; END", "BEGIN RETURN true; END"])
async def test_a_server_that_has_one_by_name_only_is_found_without_it(
    database: Database, database_url: str, body: str
) -> None:
    """It refuses the call, or takes it and locks nothing."""
    async with database.raw() as db:
        await db.execute("CREATE SCHEMA lacking")
        await db.execute(
            f"""CREATE FUNCTION lacking.pg_try_advisory_xact_lock_shared(bigint) RETURNS bool
                LANGUAGE plpgsql AS $$ {body} $$"""
        )
        name = await db.fetchval("SELECT current_database()")
        await db.execute(f"ALTER DATABASE {name} SET search_path = lacking, pg_catalog, public")
    lacking = Database(database_url, name="tests")
    found = await capabilities.find(lacking, "")
    await lacking.close()
    assert (found.advisory_locks, found.notify) == (False, True)


async def test_a_database_that_is_away_is_waited_for(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "_PATIENCE_SECONDS", 0.01)
    async with proxied(database_url) as proxy:
        proxy.cut()
        away = Database(proxy.dsn, name="tests", size=1)
        waiting = asyncio.create_task(capabilities.at_start(away, "", asyncio.Event()))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        proxy.mend()
        async with asyncio.timeout(10):
            assert (await waiting).advisory_locks
        await away.close()


async def test_who_is_told_to_stop_asks_nobody() -> None:
    stop = asyncio.Event()
    stop.set()
    away = Database("postgresql://nobody@127.0.0.1:1/none", name="tests")
    assert await capabilities.at_start(away, "notify", stop) == Capabilities(notify=False)
    await away.close()
