"""Work that keeps coming: so many jobs a second, each stored a moment before it is due."""

import asyncio
import time
from collections.abc import Callable

from benchmarks import work
from benchmarks.stand import Room, connected
from benchmarks.work import Order

_EVERY_SECONDS = 0.1
_AHEAD_SECONDS = 3.0


class Feed:
    """Stores until it is told to stop; ``due`` has every job's instant."""

    def __init__(self, room: Room, order: Order, *, rate: float) -> None:
        self._room = room
        self._order = order
        self._rate = rate
        self.due: dict[str, float] = {}

    async def run(self, seconds: float) -> None:
        """Feed for so long; returns when the last job is due."""
        start = time.time() + _AHEAD_SECONDS
        stored, end = 0, int(seconds * self._rate)
        async with connected(self._room.dsn) as db:
            while stored < end:
                reach = min(end, int((time.time() + _AHEAD_SECONDS - start + _EVERY_SECONDS) * self._rate))
                instants = [start + index / self._rate for index in range(stored, reach)]
                made = await work.store(db, work.due_at(self._order, instants))
                self.due |= {str(job): at for job, at in zip(made, instants, strict=True)}
                stored = max(stored, reach)
                await asyncio.sleep(_EVERY_SECONDS)
        await asyncio.sleep(max(0.0, start + seconds - time.time()))


async def sampled(seconds: float, look: Callable[[], float], *, every: float) -> list[float]:
    """What was seen meanwhile."""
    seen, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        seen.append(look())
        await asyncio.sleep(every)
    return seen
