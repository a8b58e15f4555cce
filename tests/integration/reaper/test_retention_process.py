"""The real process: what is too old goes without being asked for."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from core.db import Database, Raw
from tests.integration.reaper.old import ended, failed, make_day, write
from tests.jobs import make_tenant

_ROOT = Path(__file__).parents[3]


async def test_a_reaper_removes_what_is_too_old_and_stops_in_order(database: Database, db: Raw) -> None:
    await removes_what_is_too_old(database, db)


async def test_a_reaper_finds_out_that_history_is_plain_and_removes_what_is_too_old(plain: Database) -> None:
    async with plain.raw() as db:
        await removes_what_is_too_old(plain, db)


async def removes_what_is_too_old(database: Database, db: Raw) -> None:
    tenant = await make_tenant(database)
    young = await ended(db, tenant, finished=1)
    letter = await failed(db, tenant, finished=31)
    await failed(db, tenant, finished=91)
    await make_day(db, 40)
    await write(db, tenant.id, ago=40)
    reaper = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "reaper", cwd=_ROOT, env={**os.environ, "DATABASE_URL": database.dsn}
    )
    try:
        async with asyncio.timeout(60):
            while not await all_gone(db):
                assert reaper.returncode is None
        assert await db.fetchval("SELECT id FROM jobs") == young
        assert await db.fetchval("SELECT job_id FROM dead_letters") == letter
        reaper.send_signal(signal.SIGTERM)
        assert await reaper.wait() == 0
    finally:
        if reaper.returncode is None:
            reaper.kill()


async def all_gone(db: Raw) -> bool:
    """Whether one job, one ending, one dead letter and no event of forty days ago are left."""
    row = await db.fetchrow(
        """SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM endings),
                  (SELECT count(*) FROM dead_letters),
                  (SELECT count(*) FROM events WHERE at < now() - interval '39 days')"""
    )
    assert row is not None
    return tuple(row) == (1, 1, 1, 0)
