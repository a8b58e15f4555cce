"""Ends and removes what dead replicas have left on this host: processes, containers, folders.

A lease that is in the table may be held by a replica that lives, here or elsewhere; what runs without one is
nobody's. The list is read before anything is looked at, so that what began since is never taken for a remain.
"""

from collections.abc import Sequence

from core import log
from core.db import Database
from core.jobs import store as jobs
from scheduler.runtimes.runtime import Runtime

_log = log.get(__name__)


class Sweeper:
    """Sweeps with every runtime of this replica."""

    def __init__(self, database: Database, runtimes: Sequence[Runtime]) -> None:
        self._database = database
        self._runtimes = runtimes

    async def once(self) -> int:
        """One sweep; nothing has to follow at once, so it never says that it acted."""
        async with self._database.raw() as db:
            held = await jobs.running_code(db)
        for runtime in self._runtimes:
            swept = await runtime.sweep(held)
            if swept:
                _log.warning("remains_swept", runtime=type(runtime).__name__, attempts=swept)
        return 0
