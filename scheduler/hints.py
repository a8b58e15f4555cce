"""Hearing hints: a connection that does nothing but LISTEN on this replica's own channel.

A lost hint costs at most the second until the next look, so the connection is simply opened again when it
breaks, and where there is no NOTIFY nobody listens at all.
"""

import asyncio
from collections.abc import Callable
from uuid import UUID

from core.db import Database, Raw
from core.replicas.store import channel


class Hints:
    """Calls ``work`` when there may be something due, ``cancel`` when a lease's cancel was requested."""

    def __init__(
        self, database: Database, replica: UUID, *, work: Callable[[], object], cancel: Callable[[], object]
    ) -> None:
        self._database = database
        self._channel = channel(replica)
        self._work = work
        self._cancel = cancel
        self._db: Raw | None = None

    async def once(self) -> int:
        """Make sure that somebody listens."""
        if self._db is None or self._db.is_closed():
            self._db = await self._listen()
            self._work()
        return 0

    async def _listen(self) -> Raw:
        db = await self._database.dial()
        try:
            await db.add_listener(self._channel, self._heard)
        except BaseException:
            db.terminate()
            raise
        db.add_termination_listener(self._ended)
        return db

    async def close(self) -> None:
        if self._db is not None:
            self._db.terminate()
            await asyncio.sleep(0)

    def _heard(self, _db: object, _pid: int, _channel: str, payload: object) -> None:
        if payload == "cancel":
            self._cancel()
        else:
            self._work()

    def _ended(self, _db: object) -> None:
        """What was said while nobody listened may have been for us."""
        self._work()
        self._cancel()
