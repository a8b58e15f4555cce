"""Whether an operator holds this database back, as after a restore.

A restored database is in the past: what it shows as due may have been called already. While it is held, no
scheduler that starts makes a call and no reaper removes anything; the API works, so that people can look,
cancel and edit. It is kept as a setting of the database itself: no process can overlook it, no migration has
to know it, and a dump does not carry it. A process that runs already does not see it: stop it first.
"""

import asyncio

from core import log
from core.db import Database, is_transient

_EVERY_SECONDS = 2.0
_HELD = """
SELECT EXISTS (SELECT FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
               WHERE d.datname = current_database() AND s.setrole = 0
                 AND 'noonmark.quarantine=on' = ANY (s.setconfig))
"""

_log = log.get(__name__)


async def held(database: Database) -> bool:
    """Asked of the catalogue, because a session sees only the settings it began with."""
    async with database.raw() as db:
        found: bool = await db.fetchval(_HELD)
    return found


async def hold(database: Database) -> None:
    """From now on whoever starts waits. Needs the database's owner."""
    await _alter(database, "SET noonmark.quarantine = 'on'")


async def release(database: Database) -> None:
    """Whoever waits goes on, within seconds."""
    await _alter(database, "RESET noonmark.quarantine")


async def over(database: Database, stop: asyncio.Event) -> None:
    """Wait until nobody holds the database, or ``stop`` is set."""
    told = False
    while not stop.is_set():
        try:
            if not await held(database):
                return
        except Exception as error:
            if not is_transient(error):
                raise
        else:
            if not told:
                _log.warning("quarantined", release="python -m app release")
            told = True
        await _pause(stop)


async def _alter(database: Database, change: str) -> None:
    async with database.raw() as db:
        name = await db.fetchval("SELECT quote_ident(current_database())")
        await db.execute(f"ALTER DATABASE {name} {change}")


async def _pause(stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(_EVERY_SECONDS):
            await stop.wait()
    except TimeoutError:
        return
