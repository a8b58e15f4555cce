"""What attempts tell about themselves, on its way into the history (see `scheduler.appending`).

What had to be left out is counted in the last row of its attempt.
"""

import asyncio
from typing import Any

import msgspec

from core import metrics
from core.clock import Clock
from core.db import Database
from core.events import store as events
from core.events.model import Told, plain
from core.jobs.model import Event
from scheduler.appending import COST, FINISH_SECONDS, Appender, Bounds, Kind, Pending
from scheduler.runtimes.events import Happening, HappeningKind
from scheduler.runtimes.runtime import Order
from scheduler.shipping import Shipment

_ROOM = 16 * 1024 * 1024
# Numbers of this size have steps of a quarter of a microsecond, and the database rounds to whole ones.
_APART_SECONDS = 2e-6

_KINDS = {
    HappeningKind.PROGRESS: Event.PROGRESS,
    HappeningKind.CUSTOM: Event.CUSTOM,
    HappeningKind.HOOK: Event.HOOK,
    HappeningKind.DROPPED: Event.DROPPED,
}

TOLD = Kind[Told](
    append=events.append,
    size=lambda told: len(told.data),
    batch=Bounds(500, 1024 * 1024),
    share=Bounds(100, 1024 * 1024),
    hurry=0,
    kept=metrics.events_told,
    dropped=metrics.events_dropped,
)


class Telling(Pending[Told]):
    """What one attempt tells."""

    def __init__(self, teller: Appender[Told, Any], order: Order) -> None:
        super().__init__(teller, order)
        self._number = 0
        self._at = 0.0
        self._left_out = 0

    def add(self, kind: Event, data: dict[str, Any]) -> None:
        """Take one. Never waits and never fails; what there is no room for is counted."""
        text = msgspec.json.encode(plain(data)).decode()
        if self._appender.held + len(text) > self._appender.room:
            self._left_out += 1
            metrics.events_dropped.labels("no_room").inc()
            return
        self._number += 1
        self._at = max(self._appender.now(), self._at + _APART_SECONDS)
        self._appender.held += len(text) + COST
        self.waiting.append(
            Told(
                job_id=self._order.job_id,
                attempt=self._order.attempt,
                lease_token=self.token,
                number=self._number,
                kind=kind,
                at=self._at,
                data=text,
            )
        )

    async def finish(self, seconds: float = FINISH_SECONDS) -> bool:
        """Wait as all do."""
        if self._left_out:
            self.add(Event.DROPPED, {"count": self._left_out})
        return await super().finish(seconds)


class Heard:
    """All that comes out of one attempt: what it prints and what it tells."""

    def __init__(self, printed: Shipment, told: Telling) -> None:
        self._printed = printed
        self._told = told
        self.write = printed.write

    async def finish(self) -> bool:
        """Everything is stored; False if something had to go."""
        return all(await asyncio.gather(self._printed.finish(), self._told.finish()))


class Teller(Appender[Told, Telling]):
    """Writes what the attempts of this replica tell, as runtimes tell it."""

    def __init__(self, database: Database, *, now: Clock, room: int = _ROOM) -> None:
        super().__init__(database, TOLD, Telling, now=now, room=room)

    def happened(self, order: Order, happening: Happening) -> None:
        """Of an attempt that is not open, nothing is taken."""
        telling = self.of(order)
        if telling is not None:
            telling.add(_KINDS[happening.kind], _data(happening))


def _data(happening: Happening) -> dict[str, Any]:
    """What is worth knowing about it."""
    match happening.kind:
        case HappeningKind.PROGRESS:
            return progress(happening.done, happening.total, happening.message)
        case HappeningKind.CUSTOM:
            return {"name": happening.name, "data": happening.data}
        case HappeningKind.HOOK:
            return {"name": happening.name} | ({"error": happening.error} if happening.error else {})
        case HappeningKind.DROPPED:
            return dict(happening.data)


def progress(done: float | None, total: float | None, message: str) -> dict[str, Any]:
    """How far it is, without what was not said."""
    numbers = {"done": done, "total": total}
    given = {name: _whole(number) for name, number in numbers.items() if number is not None}
    return given | ({"message": message} if message else {})


def _whole(number: float) -> float:
    return int(number) if float(number).is_integer() else number
