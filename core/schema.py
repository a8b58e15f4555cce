"""Which schema this code works on, and whether the database has it.

A process on another schema must not start: half-right statements would do damage quietly. A database that
does not answer yet is waited for, since it may be starting too.
"""

import asyncio

from core import log
from core.db import Database, is_transient
from core.errors import SchemaError

EXPECTED = "0009"
"""The newest migration; a test compares it with the migrations folder."""

_PATIENCE_SECONDS = 1.0

_log = log.get(__name__)


async def revision(database: Database) -> str | None:
    """The revision the database is at; none when it was never migrated."""
    async with database.raw() as db:
        if await db.fetchval("SELECT to_regclass('alembic_version')") is None:
            return None
        found: str | None = await db.fetchval("SELECT version_num FROM alembic_version")
    return found


async def answers(database: Database) -> bool:
    """Whether the database has the schema; raises when it does not answer."""
    return await revision(database) == EXPECTED


async def check(database: Database, stop: asyncio.Event) -> None:
    """Wait until the database answers or ``stop`` is set. Raises SchemaError if it has another schema."""
    while not stop.is_set():
        try:
            found = await revision(database)
        except Exception as error:
            if not is_transient(error):
                raise
            _log.warning("database_unreachable", error=repr(error))
            await _pause(stop)
            continue
        if found != EXPECTED:
            raise SchemaError(
                f"the database is at schema {found or 'none'}, this version needs {EXPECTED}; "
                "run `python -m app migrate`"
            )
        return


async def _pause(stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await stop.wait()
    except TimeoutError:
        return
