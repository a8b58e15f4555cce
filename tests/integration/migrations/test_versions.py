"""The migrations go up, down and up again, and end where the tables say."""

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from core import schema
from core.tables import metadata
from migrations.partitions import is_ours

_CONFIG = str(Path(__file__).parents[3] / "alembic.ini")


async def on(dsn: str, revision: str, *, down: bool = False) -> None:
    def move(connection: Connection) -> None:
        config = Config(_CONFIG)
        config.attributes["connection"] = connection
        (command.downgrade if down else command.upgrade)(config, revision)

    engine = create_async_engine(dsn.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.begin() as connection:
        await connection.run_sync(move)
    await engine.dispose()


async def left(dsn: str) -> list[str]:
    engine = create_async_engine(dsn.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.connect() as connection:
        found = await connection.scalars(
            text(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
                " UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
            )
        )
        names = [name for name in found if not name.startswith("alembic_version")]
    await engine.dispose()
    return names


async def compared(dsn: str) -> list[object]:
    """What the tables say and the database does not, and the other way round."""
    engine = create_async_engine(dsn.replace("postgresql://", "postgresql+asyncpg://", 1))

    def compare(connection: Connection) -> list[object]:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_object": is_ours}
        )
        return list(compare_metadata(context, metadata))

    async with engine.connect() as connection:
        found = await connection.run_sync(compare)
    await engine.dispose()
    return found


async def test_down_leaves_nothing_and_up_works_again(database_url: str) -> None:
    await on(database_url, "base", down=True)
    assert await left(database_url) == []
    await on(database_url, "head")
    assert "attempts" in await left(database_url)


@pytest.mark.capability("partitions")
async def test_up_again_makes_the_days_again(database_url: str) -> None:
    await on(database_url, "base", down=True)
    await on(database_url, "head")
    assert {"ensure_partitions", "logs_default"} <= set(await left(database_url))


async def test_the_migrated_schema_is_the_one_of_the_tables(database_url: str) -> None:
    assert await compared(database_url) == []


def test_the_code_expects_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(Config(_CONFIG)).get_current_head() == schema.EXPECTED
