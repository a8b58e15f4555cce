"""What waits and how the database fares, for the gauges: read now and then, in bounded statements.

Counting a backlog costs as much as the backlog is long, so a count stops at a cap; the age of the oldest
ready job is the better alarm. The age of the oldest transaction, and how far back the oldest row is that
somebody may still see, tell of a client that holds vacuum back. Several reapers show the same.
"""

from core import metrics
from core.db import Database
from reaper.watch import store


class Depth:
    """Reads the gauges' values."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def once(self) -> int:
        """Always 0: there is nothing more to read."""
        async with self._database.raw() as db:
            depth = await store.depth(db)
        metrics.ready_jobs.set(depth.ready)
        metrics.backlog_jobs.set_all(dict(zip(store.AGES, depth.older, strict=True)))
        metrics.leased_jobs.set(depth.leased)
        metrics.oldest_ready.set(depth.oldest_ready_seconds)
        metrics.overdue_timer.set(depth.overdue_timer_seconds)
        metrics.oldest_mail.set(depth.oldest_mail_seconds)
        return 0

    async def vacuum(self) -> int:
        """How far behind vacuum is, and why."""
        async with self._database.raw() as db:
            seen = await store.vacuum(db)
        metrics.oldest_transaction.set(seen.oldest_transaction_seconds)
        metrics.horizon_age.set(seen.horizon_age)
        metrics.dead_rows.set_all(dict(zip(seen.tables, seen.dead_rows, strict=True)))
        return 0

    async def room(self) -> int:
        """For how long history has a place, and what the database takes."""
        async with self._database.raw() as db:
            seen = await store.room(db)
        metrics.days_ahead.set(seen.days_ahead)
        metrics.database_bytes.set(seen.database_bytes)
        return 0
