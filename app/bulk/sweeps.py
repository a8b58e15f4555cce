"""Doing something to everything that fits, in chunks, newest first.

Each chunk is a transaction of its own, so that nothing is locked for long and what was done stays done. What
arrives meanwhile is newer than the first chunk, and left alone. A sweep has a bounded time: when that is up
there may be `more`, and the same request goes on, because what was done does not fit any more.
"""

import time
from collections.abc import AsyncIterator, Awaitable
from typing import Protocol
from uuid import UUID

from app.jobs.pages import Walk
from core.db import Database, Raw

_SECONDS = 20.0


class Step(Protocol):
    """Gives the ids before this one that fit."""

    def __call__(self, db: Raw, *, before: UUID | None) -> Awaitable[Walk]: ...


class Sweep:
    """Iterates over chunks of ids; afterwards it knows whether there may be more."""

    def __init__(self, database: Database, step: Step, *, seconds: float = _SECONDS) -> None:
        self._database = database
        self._step = step
        self._until = time.monotonic() + seconds
        self.more = False

    async def __aiter__(self) -> AsyncIterator[list[UUID]]:
        before: UUID | None = None
        while not self.more:
            async with self._database.raw() as db:
                walk = await self._step(db, before=before)
            if walk.ids:
                yield walk.ids
            before = walk.ends_at
            if before is None:
                return
            self.more = time.monotonic() > self._until
