"""What this PostgreSQL can do that another one may not, found by asking it, and never needed.

A server may speak the protocol and lack any of three: NOTIFY, advisory locks, partitions by range. Each is an
economy: without it the same promises are kept by what every server has, later or with more work. So a process
asks once, when it starts, and each place that uses one of them goes by the answer.

NOONMARK_WITHOUT takes away what is there, so that the other ways can be tried on a whole PostgreSQL; it never
adds anything. Whether there are partitions is decided when the tables are made (`migrations.server`); here it
is read from them, for they are what they are.
"""

import asyncio
from collections.abc import Sequence
from functools import partial

import msgspec

from core import log
from core.db import Database, Raw, is_unsupported
from core.schema import PLAIN_HISTORY, answer
from core.settings import left_out

_log = log.get(__name__)


class Capabilities(msgspec.Struct, frozen=True):
    """What may be used. As it stands, all that PostgreSQL has."""

    notify: bool = True
    advisory_locks: bool = True
    partitions: bool = True


ALL = Capabilities()

# A shared lock is had by any number who ask at once. A server that only pretends to have locks shows none.
ADVISORY_LOCKS = (
    "SELECT pg_try_advisory_xact_lock_shared(7810769)",
    """SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 7810769
                      AND pid = pg_backend_pid() AND granted)""",
)
"""Statements that work where there are advisory locks; what the last of them answers says it."""

_NOTIFY = ("LISTEN noonmark_probe", "NOTIFY noonmark_probe", "SELECT true")
_PARTITIONS = (f"SELECT NOT {PLAIN_HISTORY}",)


def allowed(without: str) -> Capabilities:
    """What NOONMARK_WITHOUT leaves. Raises SettingError."""
    taken = left_out(without)
    return Capabilities(**{name: name not in taken for name in Capabilities.__struct_fields__})


async def find(database: Database, without: str) -> Capabilities:
    """What may be used of this database, which is migrated. Raises when it does not answer."""
    left = allowed(without)
    async with database.raw() as db:
        return Capabilities(
            notify=left.notify and await _works(db, _NOTIFY),
            advisory_locks=left.advisory_locks and await _works(db, ADVISORY_LOCKS),
            partitions=await _works(db, _PARTITIONS),
        )


async def at_start(database: Database, without: str, stop: asyncio.Event) -> Capabilities:
    """The same, waited for and said in the log; what is allowed if ``stop`` is set before."""
    found = await answer(partial(find, database, without), stop)
    if found is None:
        return allowed(without)
    say(found, without)
    return found


def say(found: Capabilities, without: str) -> None:
    """One line of the log."""
    _log.info("capabilities", without=without, **msgspec.structs.asdict(found))


async def _works(db: Raw, statements: Sequence[str]) -> bool:
    """Whether the server does all of these, and the last one answers that it did; nothing of it stays."""
    *first, last = statements
    transaction = db.transaction()
    await transaction.start()
    try:
        for statement in first:
            await db.execute(statement)
        return bool(await db.fetchval(last))
    except Exception as error:
        if not is_unsupported(error):
            raise
        return False
    finally:
        if not db.is_closed():
            await transaction.rollback()
