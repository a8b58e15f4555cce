"""Migrating a server without partitions and advisory locks, or one that is to be used as if it had none."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from app.migration import migrate
from core.db import Database
from core.errors import SettingError
from core.schema import EXPECTED
from tests.conftest import at
from tests.conftest import migrate as bring
from tests.integration.migrations.test_versions import compared, left, on

_LACKING = "partitions,advisory_locks"
_LOCKS = "SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosrc ~ 'advisory'"


@pytest.fixture
async def empty(server: str) -> AsyncIterator[str]:
    """DSN of a database with nothing in it."""
    name = f"empty_{uuid4().hex[:12]}"
    connection = await asyncpg.connect(server)
    await connection.execute(f"CREATE DATABASE {name}")
    yield at(server, name)
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@pytest.fixture
def lacking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOONMARK_WITHOUT", _LACKING)


async def test_the_plain_schema_is_the_one_of_the_tables(plain: Database) -> None:
    assert await compared(plain.dsn) == []


async def test_a_plain_history_goes_down_and_up_again_as_it_was_told(plain: Database, lacking: None) -> None:
    await on(plain.dsn, "base", down=True)
    assert await left(plain.dsn) == []
    await on(plain.dsn, "head")
    async with plain.raw() as db:
        assert await db.fetchval("SELECT count(*) FROM pg_class WHERE relkind = 'p'") == 0


async def test_a_plain_history_stays_plain_without_being_told(
    plain: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await on(plain.dsn, "0006", down=True)
    monkeypatch.delenv("NOONMARK_WITHOUT", raising=False)
    await on(plain.dsn, "head")
    assert "ensure_partitions" not in await left(plain.dsn)


@pytest.mark.capability("partitions")
async def test_a_history_of_partitions_keeps_them_whatever_it_is_told(
    database: Database, lacking: None
) -> None:
    await on(database.dsn, "0006", down=True)
    await on(database.dsn, "head")
    async with database.raw() as db:
        assert await db.fetchval("SELECT count(*) FROM pg_class WHERE relkind = 'p'") == 3
        await db.execute("SELECT ensure_partitions(9)")


async def test_without_advisory_locks_none_is_left_in_a_function(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOONMARK_WITHOUT", "advisory_locks")
    await on(empty, "head")
    connection = await asyncpg.connect(empty)
    assert await connection.fetchval(_LOCKS) == 0
    assert await connection.fetchval("SELECT ensure_partitions(10)") == 2 * 3
    await connection.close()


async def test_who_migrates_waits_for_the_row_and_finds_it_changed(empty: str, lacking: None) -> None:
    await on(empty, "0006")
    database = Database(empty, name="tests", size=1)
    connection = await asyncpg.connect(empty)
    async with connection.transaction():
        await connection.execute("SELECT FROM alembic_version FOR UPDATE")
        waiting = asyncio.create_task(migrate(database))
        await asyncio.sleep(0.5)
        assert not waiting.done()
    await waiting
    assert await connection.fetchval("SELECT version_num FROM alembic_version") == EXPECTED
    await connection.close()
    await database.close()


async def test_a_wrong_word_makes_nothing(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOONMARK_WITHOUT", "partition")
    with pytest.raises(SettingError, match="NOONMARK_WITHOUT"):
        await bring(empty)
    assert await left(empty) == []
