"""The slow sweeps: days of history ahead, rows that have outlived their use, replicas long gone."""

from core import log
from core.db import Database
from core.replicas import store as replicas
from reaper import store

_DAYS_AHEAD = 8
_BATCH = 1000
_GONE_SECONDS = 3600.0

_log = log.get(__name__)


class Upkeep:
    """One of each; safe to run twice at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def partitions(self) -> int:
        """Always 0: once an hour is enough."""
        async with self._database.raw() as db:
            made = await store.ensure_partitions(db, days_ahead=_DAYS_AHEAD)
        if made:
            _log.info("partitions_made", count=made)
        return 0

    async def purge(self) -> int:
        """How many rows went; more at once while there are many."""
        async with self._database.raw() as db:
            removed = await store.purge(db, limit=_BATCH)
            removed += await replicas.forget(db, after_seconds=_GONE_SECONDS)
        if removed:
            _log.info("rows_purged", count=removed)
        return removed

    async def ready(self) -> bool:
        """Whether tomorrow's history has a place."""
        async with self._database.raw() as db:
            return await store.partitions_ahead(db)
