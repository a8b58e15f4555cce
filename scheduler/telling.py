"""The way of what attempts tell about themselves: from their runtime into the history, all by one statement.

    runtime ──happened──► Telling ──► Teller, twice a second ──► events
                             settle ◄── finish ◄──┘

As with what they print (`scheduler.shipping`): nobody is made to wait, memory is bounded, an outage loses
nothing while there is room, who lost the lease writes nothing more, and `finish` comes before the attempt is
settled, so that a job that is over has its whole history. What had to be left out is counted in its last row.

Everything here happens on the event loop's thread.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from functools import partial
from itertools import chain
from typing import Any
from uuid import UUID

import msgspec

from core import log, metrics
from core.clock import Clock
from core.db import Database, Raw
from core.events import store as events
from core.events.model import Told, plain
from core.jobs.model import Event
from scheduler.halving import halved
from scheduler.runtimes.events import Happening, HappeningKind
from scheduler.runtimes.runtime import Order
from scheduler.shipping import Shipment

INTERVAL_SECONDS = 0.5
"""Between two passes, if nobody waits for one."""

_ROOM = 16 * 1024 * 1024
_BATCH = 500
_BATCH_SIZE = 1024 * 1024
_SHARE = 100
_COST = 500
_FINISH_SECONDS = 20.0
# Numbers of this size have steps of a quarter of a microsecond, and the database rounds to whole ones.
_APART_SECONDS = 2e-6

_KINDS = {
    HappeningKind.PROGRESS: Event.PROGRESS,
    HappeningKind.CUSTOM: Event.CUSTOM,
    HappeningKind.HOOK: Event.HOOK,
    HappeningKind.DROPPED: Event.DROPPED,
}

_log = log.get(__name__)


class Telling:
    """What one attempt tells, until it is written. Made by `Teller.open`."""

    def __init__(self, teller: "Teller", order: Order) -> None:
        self.token = order.lease_token
        self.waiting: deque[Told] = deque()
        self._teller = teller
        self._order = order
        self._number = 0
        self._at = 0.0
        self._left_out = 0
        self._written = asyncio.Event()

    def add(self, kind: Event, data: dict[str, Any]) -> None:
        """Take one. Never waits and never fails; what there is no room for is counted."""
        text = msgspec.json.encode(plain(data)).decode()
        if self._teller.held + len(text) > self._teller.room:
            self._left_out += 1
            metrics.events_dropped.labels("no_room").inc()
            return
        self._number += 1
        self._at = max(self._teller.now(), self._at + _APART_SECONDS)
        self._teller.held += len(text) + _COST
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

    async def finish(self, seconds: float = _FINISH_SECONDS) -> bool:
        """Wait until all is written, at most so long; False if something had to go."""
        if self._left_out:
            self.add(Event.DROPPED, {"count": self._left_out})
        try:
            if self.waiting:
                self._written.clear()
                self._teller.wake()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await self._written.wait()
            return not self.waiting
        finally:
            self._teller.leave(self)

    def answered(self, count: int) -> None:
        """So many are written."""
        for _ in range(count):
            self._teller.held -= len(self.waiting.popleft().data) + _COST
        if not self.waiting:
            self._written.set()

    def forget(self, reason: str) -> None:
        """Nothing more of this attempt can be written."""
        metrics.events_dropped.labels(reason).inc(len(self.waiting))
        self.answered(len(self.waiting))


class Heard:
    """All that comes out of one attempt: what it prints and what it tells."""

    def __init__(self, printed: Shipment, told: Telling) -> None:
        self._printed = printed
        self._told = told
        self.write = printed.write

    async def finish(self) -> bool:
        """Everything is stored; False if something had to go."""
        return all(await asyncio.gather(self._printed.finish(), self._told.finish()))


class Teller:
    """Writes what the attempts of this replica tell. Its `once` is driven by a loop, which `wake` wakes."""

    def __init__(self, database: Database, *, now: Clock, room: int = _ROOM) -> None:
        """``now`` is the database's clock in epoch seconds, as it is known here; ``room`` is characters."""
        self.now = now
        self.room = room
        self.held = 0
        """What is held here now, in characters and what they cost besides."""
        self.wake = _nothing
        self._database = database
        self._tellings: dict[UUID, Telling] = {}

    def open(self, order: Order) -> Telling:
        """Take what an attempt tells from now on. Whoever opens it finishes it."""
        telling = self._tellings[order.lease_token] = Telling(self, order)
        return telling

    def happened(self, order: Order, happening: Happening) -> None:
        """As runtimes tell it; of an attempt that is not open, nothing is taken."""
        telling = self._tellings.get(order.lease_token)
        if telling is not None:
            telling.add(_KINDS[happening.kind], _data(happening))

    def leave(self, telling: Telling) -> None:
        """The attempt is over: what could not be written until now is not kept."""
        if telling.waiting:
            _log.warning("events_dropped", lease_token=str(telling.token), events=len(telling.waiting))
            telling.forget("too_late")
        self._tellings.pop(telling.token, None)

    async def once(self) -> int:
        """Write one batch; 0 unless there is more. Raises what the database raises, and keeps the batch."""
        takings = self._take()
        batch = list(chain.from_iterable(takings.values()))
        if not batch:
            return 0
        async with self._database.raw() as db:
            live = await append(db, batch)
        for token, told in takings.items():
            self._answer(token, told, live=token in live)
        return len(batch) if any(telling.waiting for telling in self._tellings.values()) else 0

    def _take(self) -> dict[UUID, list[Told]]:
        """The first ones of each attempt, each its share, beginning with who got none the last time."""
        takings: dict[UUID, list[Told]] = {}
        count = size = 0
        for token, telling in list(self._tellings.items()):
            if count >= _BATCH or size >= _BATCH_SIZE:
                break
            told = [telling.waiting[place] for place in range(min(_SHARE, len(telling.waiting)))]
            self._tellings[token] = self._tellings.pop(token)
            if told:
                takings[token] = told
                count += len(told)
                size += sum(len(one.data) for one in told)
        return takings

    def _answer(self, token: UUID, told: list[Told], *, live: bool) -> None:
        telling = self._tellings.get(token)
        if telling is None:
            return
        if not live:
            telling.forget("fenced")
            return
        telling.answered(len(told))
        metrics.events_told.inc(len(told))


def _nothing() -> None:
    return


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


async def append(db: Raw, told: Sequence[Told]) -> set[UUID]:
    """Write all of them, whatever one holds; the tokens of live leases. What is refused goes."""
    return set(await halved(told, partial(events.append, db), _refused))


async def _refused(told: Told, error: Exception) -> set[UUID]:
    _log.error("event_refused", job_id=str(told.job_id), error=repr(error))
    return {told.lease_token}
