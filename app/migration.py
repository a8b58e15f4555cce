"""Bringing the database to this version's schema.

Any number of processes may migrate at once: they take turns (see `migrations/server.py`) and all but the
first find nothing to do. All of it is one transaction, so it works through a transaction pooler, too.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from core.db import Database, is_overtaken, is_transient, retrying
from core.errors import SchemaError
from core.schema import EXPECTED, SERVES_FROM, STATE, Schema

_FOLDER = Path(__file__).parent.parent / "migrations"
_PATIENCE_SECONDS = 60.0


async def migrate(database: Database) -> None:
    """Bring the schema up to date, waiting for a database that does not answer yet."""
    async for attempt in retrying(_PATIENCE_SECONDS, on=_may_come_through):
        with attempt:
            async with database.begin() as connection:
                # The migrations bound their own locks; waiting for another migrator's turn is not bounded.
                await connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
                await connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
                await connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
                await connection.run_sync(_upgrade)


def _may_come_through(error: BaseException) -> bool:
    return is_transient(error) or is_overtaken(error)


def _upgrade(connection: Connection) -> None:
    """A newer database is left alone: an old container may start once more while others are replaced."""
    config = _config()
    config.attributes["connection"] = connection
    if not _is_newer(connection):
        command.upgrade(config, "head")
        connection.exec_driver_sql(f"COMMENT ON TABLE alembic_version IS '{SERVES_FROM}'")


def _is_newer(connection: Connection) -> bool:
    """Whether a later version has migrated this database. SchemaError if its schema serves us no more."""
    if connection.exec_driver_sql("SELECT to_regclass('alembic_version')").scalar() is None:
        return False
    found = connection.exec_driver_sql(STATE).one_or_none()
    if found is None or found[0] <= EXPECTED:
        return False
    if not Schema(*found).serves:
        raise SchemaError(f"the database is at schema {found[0]}, which this version ({EXPECTED}) cannot use")
    return True


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    return config
