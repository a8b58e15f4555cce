"""The migrations go up, down and up again, and end where the tables say."""

from pathlib import Path

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


async def _on(dsn: str, revision: str, *, down: bool = False) -> None:
    def move(connection: Connection) -> None:
        config = Config(_CONFIG)
        config.attributes["connection"] = connection
        (command.downgrade if down else command.upgrade)(config, revision)

    engine = create_async_engine(dsn.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.begin() as connection:
        await connection.run_sync(move)
    await engine.dispose()


async def _left(dsn: str) -> list[str]:
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


async def test_down_leaves_nothing_and_up_works_again(database_url: str) -> None:
    await _on(database_url, "base", down=True)
    assert await _left(database_url) == []
    await _on(database_url, "head")
    assert "ensure_partitions" in await _left(database_url)


async def test_the_migrated_schema_is_the_one_of_the_tables(database_url: str) -> None:
    engine = create_async_engine(database_url.replace("postgresql://", "postgresql+asyncpg://", 1))

    def compare(connection: Connection) -> list[object]:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_object": is_ours}
        )
        return list(compare_metadata(context, metadata))

    async with engine.connect() as connection:
        assert await connection.run_sync(compare) == []
    await engine.dispose()


def test_the_code_expects_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(Config(_CONFIG)).get_current_head() == schema.EXPECTED
