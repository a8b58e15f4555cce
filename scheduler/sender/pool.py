"""Idle connections, kept a little while for the next request of the same tenant to the same origin.

The most recent is taken first, so that those not needed grow old and go. One that its target may be about to
close is not used: sending on it would look like a lost call, and a lost call is never resent silently.
"""

from asyncio import AbstractEventLoop, TimerHandle
from uuid import UUID

from scheduler.sender.connection import Connection

IDLE_SECONDS = 4.0
"""Below the five seconds after which many servers close an idle connection."""

LIFE_SECONDS = 60.0
"""After this long a name is resolved, and its addresses are judged, anew."""

_MARGIN_SECONDS = 1.0
_SWEEP_SECONDS = 1.0

Key = tuple[UUID, str, str, int]
"""Tenant, scheme, host, port."""


class Pool:
    """Keeps up to `max_idle` connections in all and `max_idle_per_key` for one key."""

    def __init__(self, loop: AbstractEventLoop, *, max_idle: int, max_idle_per_key: int) -> None:
        self._loop = loop
        self._max_idle = max_idle
        self._max_idle_per_key = max_idle_per_key
        self._idle: dict[Key, list[tuple[float, Connection]]] = {}
        self._count = 0
        self._sweeper: TimerHandle | None = None
        self._open = True

    def __len__(self) -> int:
        return self._count

    def take(self, key: Key) -> Connection | None:
        """A connection to send on now, or none."""
        idle = self._idle.get(key)
        while idle:
            fresh_until, connection = idle.pop()
            self._count -= 1
            if fresh_until > self._loop.time() and connection.quiet():
                return connection
            connection.abort()
        return None

    def release(self, key: Key, connection: Connection) -> None:
        """Keep a connection if it is fit and there is room; else abort it."""
        if not (connection.fit and self._open):
            connection.abort()
            return
        now = self._loop.time()
        fresh_until = self._fresh_until(connection, now)
        idle = self._idle.get(key, ())
        if fresh_until <= now or self._count >= self._max_idle or len(idle) >= self._max_idle_per_key:
            connection.abort()
            return
        self._idle.setdefault(key, []).append((fresh_until, connection))
        self._count += 1
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(_SWEEP_SECONDS, self.sweep)

    def sweep(self) -> None:
        """Close what has been idle for too long; again in a second, as long as anything is kept."""
        now = self._loop.time()
        for key, idle in list(self._idle.items()):
            kept = [entry for entry in idle if entry[0] > now and entry[1].fit]
            for fresh_until, connection in idle:
                if fresh_until <= now:
                    connection.abort()
            self._count -= len(idle) - len(kept)
            if kept:
                self._idle[key] = kept
            else:
                del self._idle[key]
        self._sweeper = self._loop.call_later(_SWEEP_SECONDS, self.sweep) if self._count else None

    def close(self) -> None:
        """Abort everything kept, and keep nothing from now on."""
        self._open = False
        for idle in self._idle.values():
            for _, connection in idle:
                connection.abort()
        self._idle.clear()
        self._count = 0
        if self._sweeper is not None:
            self._sweeper.cancel()

    def _fresh_until(self, connection: Connection, now: float) -> float:
        promised = connection.keep_alive_seconds
        idle = IDLE_SECONDS if promised is None else min(IDLE_SECONDS, promised - _MARGIN_SECONDS)
        return min(now + idle, connection.born_at + LIFE_SECONDS)
