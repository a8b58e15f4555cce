"""How much waits, for the gauges: read now and then, by one process, in bounded statements.

Counting a backlog costs as much as the backlog is long, so a count stops at a cap; the age of the oldest
ready job is the better alarm. The age of the oldest transaction tells of a client that holds vacuum back.
"""

from core import metrics
from core.db import Database
from reaper import store


class Depth:
    """Reads the gauges' values."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def once(self) -> int:
        """Always 0: there is nothing more to read."""
        async with self._database.raw() as db:
            depth = await store.depth(db)
        metrics.ready_jobs.set(depth.ready)
        metrics.leased_jobs.set(depth.leased)
        metrics.oldest_ready.set(depth.oldest_ready_seconds)
        metrics.overdue_timer.set(depth.overdue_timer_seconds)
        metrics.oldest_transaction.set(depth.oldest_transaction_seconds)
        return 0
