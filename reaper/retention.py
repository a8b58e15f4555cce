"""What has outlived its tenant's retention goes: ended jobs, dead letters, history.

Three kinds, three ways, because they lie in three ways:

- *Ended jobs and dead letters* are walked through in batches, tenant by tenant, in the order of their ids.
- *Days of history* that are over for every tenant are dropped whole, which costs the same for any number of
  rows. When the table is in use the drop gives up soon, for everybody who writes history waits behind it.
- *Rows of history* are removed in batches from days that some tenants keep longer than others, and from a
  history that was made without partitions.

By the database's clock alone, and never before its time. A job without an ending is never touched, however
old it is. A dead letter outlives its job, and history is never read without one.
"""

import msgspec

from core import log, metrics
from core.capabilities import ALL, Capabilities
from core.db import Database, Raw, is_outage, is_transient
from reaper import store
from reaper.store import Key, Part, Place, Trimmed

_BATCH = 1000
_TENANTS = 500

_log = log.get(__name__)


class Outlived:
    """Walks over all tenants' rows of one kind, again and again."""

    def __init__(
        self, database: Database, walk: str, *, kind: str, batch: int = _BATCH, tenants: int = _TENANTS
    ) -> None:
        self._database = database
        self._walk = walk
        self._kind = kind
        self._batch = batch
        self._tenants = tenants
        self._place = Place()
        self._removed = 0

    async def once(self) -> int:
        """One batch; 0 at the end of the walk, else how many rows it looked at, at least 1."""
        async with self._database.raw() as db:
            step = await store.remove_old(
                db, self._walk, after=self._place, limit=self._batch, tenants=self._tenants
            )
        metrics.rows_removed.labels(self._kind).inc(step.removed)
        self._removed += step.removed
        self._place = step.place or Place()
        if step.place is not None:
            return max(1, step.looked)
        if self._removed:
            _log.info("rows_removed", kind=self._kind, count=self._removed)
        self._removed = 0
        return 0


def ended_jobs(database: Database, *, batch: int = _BATCH, tenants: int = _TENANTS) -> Outlived:
    """The walk over what has an ending."""
    return Outlived(database, store.OLD_JOBS, kind="jobs", batch=batch, tenants=tenants)


def dead_letters(database: Database, *, batch: int = _BATCH, tenants: int = _TENANTS) -> Outlived:
    """The walk over dead letters, which have a retention of their own."""
    return Outlived(database, store.OLD_LETTERS, kind="dead_letters", batch=batch, tenants=tenants)


class Days:
    """Drops days of history that are over for everybody."""

    def __init__(self, database: Database, server: Capabilities = ALL) -> None:
        self._database = database
        self._server = server

    async def once(self) -> int:
        """The oldest day of each kind; how many went. 0 also when one is in use: try later."""
        async with self._database.raw() as db:
            names = await store.days_over(db)
        dropped = [await drop(self._database, name, self._server) for name in names]
        return sum(dropped) if all(dropped) else 0


async def drop(database: Database, name: str, server: Capabilities) -> bool:
    """Drop one partition; False when it is in use, or somebody else does it."""
    try:
        async with database.raw() as db, db.transaction():
            dropped = await store.drop_partition(db, name, server)
    except Exception as error:
        if is_outage(error) or not is_transient(error):
            raise
        _log.info("partition_busy", partition=name)
        return False
    if dropped:
        metrics.partitions_dropped.inc()
        _log.info("partition_dropped", partition=name)
    return dropped


class _Walk(msgspec.Struct, frozen=True):
    """How far the trimming of one partition has come."""

    part: Part
    after: Key
    kept: int = 0


class Trim:
    """Removes rows from days that are over for their tenants and not for others, one day at a time."""

    def __init__(self, database: Database, server: Capabilities = ALL, *, batch: int = _BATCH) -> None:
        self._database = database
        self._server = server
        self._batch = batch
        self._walk: _Walk | None = None
        self._after = ""

    async def once(self) -> int:
        """One batch; 0 when no day is left, else how many rows it looked at, at least 1."""
        walk, self._walk = self._walk, None
        async with self._database.raw() as db, db.transaction():
            if not await store.trims_alone(db, self._server):
                return 0
            walk = walk or await self._next(db)
            if walk is None:
                self._after = ""
                return 0
            step = await store.trim(db, walk.part, after=walk.after, limit=self._batch)
        await self._went(walk, step)
        return max(1, step.looked)

    async def _next(self, db: Raw) -> _Walk | None:
        part = await store.next_part(db, after=self._after)
        return None if part is None else _Walk(part, store.first(part))

    async def _went(self, walk: _Walk, step: Trimmed) -> None:
        metrics.rows_removed.labels(walk.part.name.partition("_")[0]).inc(step.removed)
        kept = walk.kept + step.looked - step.removed
        if step.looked == self._batch and step.last is not None:
            self._walk = _Walk(walk.part, step.last, kept)
            return
        self._after = walk.part.name
        if walk.part.mark is not None:
            await self._end(walk.part, empty=kept == 0)

    async def _end(self, part: Part, *, empty: bool) -> None:
        """A day without rows goes; on another it is noted for whom it was trimmed."""
        if empty:
            await drop(self._database, part.name, self._server)
            return
        async with self._database.raw() as db:
            await store.note_trimmed(db, part)
