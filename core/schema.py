"""Which schemas this code works on, and whether the database has one of them.

A process on another schema must not start: half-right statements would do damage quietly. A newer schema than
its own is no other one as long as it only adds: the newest migration says which versions it still serves, so
that old and new processes work side by side while they are replaced. A database that does not answer yet is
waited for, since it may be starting too.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import msgspec

from core import log
from core.db import Database, is_transient
from core.errors import SchemaError

EXPECTED = "0009"
"""The newest migration; a test compares it with the migrations folder."""

SERVES_FROM = "0007"
"""The oldest EXPECTED whose code works on this schema. It rises when a migration takes away what is used."""

_PATIENCE_SECONDS = 1.0

_log = log.get(__name__)

T = TypeVar("T")


STATE = "SELECT version_num, obj_description('alembic_version'::regclass, 'pg_class') FROM alembic_version"
"""The statement that reads a database's `Schema`, where there is one."""

PLAIN_HISTORY = "(SELECT relkind = 'r' FROM pg_class WHERE oid = to_regclass('attempts'))"
"""The expression that says whether history was made without partitions; NULL before there is any."""


class Schema(msgspec.Struct, frozen=True):
    """What a database says of itself."""

    revision: str | None
    """None before the first migration."""
    serves_from: str | None = None
    """SERVES_FROM of the code that migrated it, kept as the comment on Alembic's table."""

    @property
    def serves(self) -> bool:
        """Whether this code works on it: its own schema, or a newer one that says so."""
        if self.revision is None or self.serves_from is None:
            return self.revision == EXPECTED
        return self.serves_from <= EXPECTED <= self.revision


async def read(database: Database) -> Schema:
    """The database's schema; raises when it does not answer."""
    async with database.raw() as db:
        if await db.fetchval("SELECT to_regclass('alembic_version')") is None:
            return Schema(revision=None)
        found = await db.fetchrow(STATE)
    return Schema(revision=None) if found is None else Schema(*found)


async def answers(database: Database) -> bool:
    """Whether the database has a schema that serves us; raises when it does not answer."""
    return (await read(database)).serves


async def check(database: Database, stop: asyncio.Event) -> None:
    """Wait until the database answers or ``stop`` is set. Raises SchemaError if it has another schema."""
    found = await answer(partial(read, database), stop)
    if found is not None and not found.serves:
        raise SchemaError(
            f"the database is at schema {found.revision or 'none'}, this version needs {EXPECTED}; "
            "run `python -m app migrate`"
        )


async def answer(ask: Callable[[], Awaitable[T]], stop: asyncio.Event) -> T | None:
    """What a question is answered once the database answers at all; nothing if ``stop`` is set before."""
    while not stop.is_set():
        try:
            return await ask()
        except Exception as error:
            if not is_transient(error):
                raise
            _log.warning("database_unreachable", error=repr(error))
        await _pause(stop)
    return None


async def _pause(stop: asyncio.Event) -> None:
    """Until a database that was away may answer again, or ``stop`` is set."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await stop.wait()
    except TimeoutError:
        return
