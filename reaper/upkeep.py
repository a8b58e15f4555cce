"""The slow sweeps: days of history ahead, rows that have outlived their use, replicas long gone."""

from core import log, metrics
from core.db import Database
from core.replicas import store as replicas
from reaper import store
from reaper.store import Corner

_DAYS_AHEAD = 8
# Eight days are made every hour, so with two left nobody has made any for most of a week, and there is still
# a whole day to act in: of tomorrow alone only a minute may be missing, just before midnight.
_LEAST_DAYS_AHEAD = 2
_BATCH = 1000
_GONE_SECONDS = 3600.0

_log = log.get(__name__)


class Upkeep:
    """One of each; safe to run twice at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._corner = Corner()

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
            kinds = await store.purge(db, limit=_BATCH)
            kinds["replicas"] = await replicas.forget(db, after_seconds=_GONE_SECONDS)
        for kind, count in kinds.items():
            metrics.rows_removed.labels(kind).inc(count)
        removed = sum(kinds.values())
        if removed:
            _log.info("rows_purged", count=removed)
        return removed

    async def uniques(self) -> int:
        """1 until all places of unique jobs were looked at, then 0: those that end in between can wait."""
        async with self._database.raw() as db:
            removed, corner = await store.purge_uniques(db, after=self._corner, limit=_BATCH)
        self._corner = corner or Corner()
        metrics.rows_removed.labels("uniques").inc(removed)
        return 0 if corner is None else 1

    async def ready(self) -> bool:
        """Whether the history of the next days has a place."""
        async with self._database.raw() as db:
            return await store.partitions_ahead(db, days=_LEAST_DAYS_AHEAD)
