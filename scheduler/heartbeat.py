"""The heartbeat: one small statement every few seconds, from a thread and a connection of its own.

A busy event loop cannot fake death, because the thread does not wait for it. A beating thread cannot fake
life, because it withholds the beat when the loop's pulse stands still. Beats are not part of any
transaction and touch one row, whatever is in flight.
"""

import asyncio
import threading
from collections.abc import Callable

from core import log, metrics
from core.clock import Clock, boottime
from core.db import Database, Raw
from core.replicas import store as replicas
from core.replicas.store import Replica
from scheduler.fence import Fence

_PULSE_SECONDS = 0.25

_log = log.get(__name__)


class Pulse:
    """Proof that the event loop still turns: it stamps the time a few times a second."""

    def __init__(self, *, now: Clock = boottime) -> None:
        self._now = now
        self._stamped_at = now()

    async def once(self) -> int:
        self._stamped_at = self._now()
        return 0

    def age(self) -> float:
        """Seconds since the loop last turned."""
        return self._now() - self._stamped_at


class Heartbeat:
    """Beats until it is stopped. ``beaten`` is called in the thread after each beat that arrived."""

    def __init__(
        self,
        database: Database,
        replica: Replica,
        fence: Fence,
        pulse: Pulse,
        *,
        ttl_seconds: float,
        beat_seconds: float,
        beaten: Callable[[], object],
        now: Clock = boottime,
    ) -> None:
        self._database = database
        self._replica = replica
        self._fence = fence
        self._pulse = pulse
        self._ttl = ttl_seconds
        self._every = beat_seconds
        self._beaten = beaten
        self._now = now
        self._stopping = threading.Event()
        self._hurry = threading.Event()
        self._draining = False
        self._thread = threading.Thread(target=self._beat_on, name="heartbeat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def drain(self) -> None:
        """Say with a beat at once, and with all later ones, that this replica takes no more work."""
        self._draining = True
        self._hurry.set()

    def stop(self) -> None:
        """No more beats; returns when the thread is gone."""
        self._stopping.set()
        self._hurry.set()
        self._thread.join(timeout=10)

    async def once(self, db: Raw) -> bool:
        """One beat, unless the event loop stands still; whether it was sent."""
        if self._pulse.age() > self._ttl / 2:
            metrics.beats_missed.inc()
            return False
        sent_at = self._now()
        await replicas.beat(db, self._replica, ttl_seconds=self._ttl, draining=self._draining)
        self._fence.beaten(sent_at)
        self._beaten()
        return True

    def _beat_on(self) -> None:
        asyncio.run(self._stay_connected())

    async def _stay_connected(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._connected()
            except Exception as error:
                metrics.beats_missed.inc()
                _log.warning("beat_failed", replica_id=self._replica.id, error=repr(error))
                self._rest(min(1.0, self._every))

    async def _connected(self) -> None:
        db = await self._database.dial(command_timeout=self._ttl / 3)
        try:
            while not self._stopping.is_set():
                await self.once(db)
                self._rest(self._every)
        finally:
            db.terminate()

    def _rest(self, seconds: float) -> None:
        """Sleep in the thread itself: nothing else lives on its loop."""
        self._hurry.wait(seconds)
        self._hurry.clear()
