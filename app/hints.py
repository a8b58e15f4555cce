"""Telling schedulers that there is something to do, so that they need not wait for their next look.

Hints are a courtesy. No request waits for one, a burst of work needs one only, and one that cannot be sent is
forgotten: every replica looks by itself within a second, and reads its cancel requests with every beat. So
where there is no NOTIFY nothing is said at all.
"""

import asyncio
from uuid import UUID

from core import log, metrics
from core.db import Database, Raw
from core.loop import Loop
from core.replicas import store as replicas

SOON_SECONDS = 1.5
"""Replicas claim ahead by a second; what is due later they find by themselves."""

_PAUSE_SECONDS = 0.01
_IDLE_SECONDS = 60.0
_COMMAND_SECONDS = 5.0

_log = log.get(__name__)


class Hints:
    """Sends what was hinted at since the last time, over a connection of its own."""

    def __init__(self, database: Database, *, notify: bool = True) -> None:
        self._database = database
        self._notify = notify
        self._work = False
        self._cancels: set[UUID] = set()
        self._db: Raw | None = None
        self.loop = Loop(self.once, name="hints", interval=_IDLE_SECONDS)

    def work(self, due_in: float) -> None:
        """A job is due in so many seconds."""
        if due_in < SOON_SECONDS and self._notify:
            self._work = True
            self.loop.wake()

    def cancel(self, replica: UUID) -> None:
        """A lease of this replica has a cancel request, which is committed."""
        if self._notify:
            self._cancels.add(replica)
            self.loop.wake()

    async def once(self) -> int:
        """Send what there is; how many hints that were."""
        work, cancels = self._work, self._cancels
        self._work, self._cancels = False, set()
        if not work and not cancels:
            return 0
        try:
            await self._send(work, cancels)
        except Exception as error:
            _log.debug("hint_not_sent", error=repr(error))
            self.close()
        await asyncio.sleep(_PAUSE_SECONDS)
        return int(work) + len(cancels)

    def close(self) -> None:
        """Hang up."""
        if self._db is not None:
            self._db.terminate()
            self._db = None

    async def _send(self, work: bool, cancels: set[UUID]) -> None:
        db = await self._connected()
        for replica in cancels:
            await replicas.hint_cancel(db, replica)
        if work:
            await replicas.hint(db)
        metrics.hints_sent.inc(int(work) + len(cancels))

    async def _connected(self) -> Raw:
        if self._db is None or self._db.is_closed():
            self._db = await self._database.dial(command_timeout=_COMMAND_SECONDS)
        return self._db
