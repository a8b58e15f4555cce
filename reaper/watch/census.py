"""Which replicas there are, which left and which were lost, and how long each lived.

A replica cannot be asked for its own end, so whoever watches the table counts it: a row that goes while it is
still fresh is a replica that left; one that expires is lost. What a reaper saw is its own memory: after its
start it counts what ends from then on, and with several reapers each counts the same ends.
"""

from uuid import UUID

from core import metrics
from core.db import Database
from reaper.watch import store
from reaper.watch.store import Seen


class Census:
    """Compares the table with what it was a moment ago."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._living: dict[UUID, Seen] = {}

    async def once(self) -> int:
        """Always 0: one look is enough."""
        async with self._database.raw() as db:
            rows = await store.replicas(db)
        now = {row.id: row for row in rows}
        for id, seen in self._living.items():
            if id not in now:
                _gone(seen, "left")
            elif not now[id].fresh:
                _gone(now[id], "lost")
        self._living = {id: row for id, row in now.items() if row.fresh}
        states = {"alive": 0, "draining": 0, "lost": 0}
        for row in rows:
            states["lost" if not row.fresh else "draining" if row.draining else "alive"] += 1
        metrics.replicas.set_all(states)
        return 0


def _gone(seen: Seen, how: str) -> None:
    metrics.replicas_gone.labels(how).inc()
    metrics.replica_lifetime.observe(seen.age_seconds)
