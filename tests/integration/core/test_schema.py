"""A process works on the schema it was written for, and waits for a database that is not there yet."""

import asyncio

import pytest

from core import schema
from core.db import Database
from core.errors import SchemaError
from tests.integration.scheduler.proxy import proxied


async def test_the_expected_schema_lets_a_process_start(database: Database) -> None:
    await schema.check(database, asyncio.Event())
    assert await schema.answers(database)


async def test_another_schema_does_not(database: Database) -> None:
    async with database.raw() as db:
        await db.execute("UPDATE alembic_version SET version_num = '9999'")
    assert not await schema.answers(database)
    with pytest.raises(SchemaError, match="9999"):
        await schema.check(database, asyncio.Event())


@pytest.mark.parametrize(
    ("serves_from", "serves"), [(schema.EXPECTED, True), ("0001", True), ("9998", False)]
)
async def test_a_newer_schema_does_as_long_as_it_serves_this_version(
    database: Database, serves_from: str, serves: bool
) -> None:
    async with database.raw() as db:
        await db.execute("UPDATE alembic_version SET version_num = '9999'")
        await db.execute(f"COMMENT ON TABLE alembic_version IS '{serves_from}'")
    assert await schema.answers(database) is serves


async def test_an_older_schema_never_does(database: Database) -> None:
    async with database.raw() as db:
        await db.execute("UPDATE alembic_version SET version_num = '0000'")
        await db.execute("COMMENT ON TABLE alembic_version IS '0000'")
    assert not await schema.answers(database)


async def test_a_database_that_was_never_migrated_does_not(database: Database) -> None:
    async with database.raw() as db:
        await db.execute("DROP TABLE alembic_version")
    assert (await schema.read(database)).revision is None
    with pytest.raises(SchemaError, match="migrate"):
        await schema.check(database, asyncio.Event())


async def test_a_database_that_does_not_answer_yet_is_waited_for(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "_PATIENCE_SECONDS", 0.01)
    async with proxied(database_url) as proxy:
        proxy.cut()
        database = Database(proxy.dsn, name="tests", size=1)
        waiting = asyncio.create_task(schema.check(database, asyncio.Event()))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        proxy.mend()
        async with asyncio.timeout(10):
            await waiting
        await database.close()


async def test_a_process_that_is_told_to_stop_does_not_go_on_waiting(database_url: str) -> None:
    async with proxied(database_url) as proxy:
        proxy.cut()
        database, stop = Database(proxy.dsn, name="tests", size=1), asyncio.Event()
        waiting = asyncio.create_task(schema.check(database, stop))
        await asyncio.sleep(0.1)
        stop.set()
        async with asyncio.timeout(5):
            await waiting
        await database.close()
