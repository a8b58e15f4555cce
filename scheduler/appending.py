"""The way of what attempts say, line by line or event by event: all of them into one table by one statement.

    attempt ──► Pending (rows) ──► Appender, twice a second ──► table
                    settle ◄── finish ◄──┘

- Nobody is made to wait, and memory is bounded: of all attempts no more is held at once than there is room
  for. Whoever makes rows leaves out what there is no room for, and says so.
- A row stays here until the database has answered for it, and never changes once it was sent. So an outage
  loses nothing while there is room, and a statement that is sent again writes nothing twice.
- Who lost the lease writes nothing more: what is left of its rows goes.
- `finish` comes before the attempt is settled: once a job is over, all that it said is there.

`scheduler.shipping` has what is printed, `scheduler.telling` what is told. Everything here happens on the
event loop's thread.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from itertools import chain
from typing import Any, Generic, NamedTuple, Protocol, TypeVar
from uuid import UUID

import msgspec
from prometheus_client import Counter

from core import log
from core.clock import Clock
from core.db import Database, Raw
from scheduler.halving import halved
from scheduler.runtimes.runtime import Order

INTERVAL_SECONDS = 0.5
"""Between two passes, if nothing is in a hurry."""
FINISH_SECONDS = 20.0
COST = 500
"""What a row costs besides its size."""

_log = log.get(__name__)


class Row(Protocol):
    """Something of one attempt."""

    @property
    def job_id(self) -> UUID: ...
    @property
    def lease_token(self) -> UUID: ...


R = TypeVar("R", bound=Row)
P = TypeVar("P", bound="Pending[Any]")


class Bounds(NamedTuple):
    """How much is taken at once. What reaches the size is the last."""

    rows: int
    size: int


class Kind(msgspec.Struct, Generic[R], frozen=True, kw_only=True):
    """What the rows of one table are like. Sizes are in characters."""

    append: Callable[[Raw, Sequence[R]], Awaitable[Iterable[UUID]]]
    """Writes rows; the tokens of live leases."""
    size: Callable[[R], int]
    batch: Bounds
    share: Bounds
    """Of one attempt, in a batch."""
    hurry: int
    """If more than this is held after a pass, the next one follows at once."""
    counts: Callable[[R], int] = lambda _: 1
    """For how many it counts in these two."""
    kept: Counter
    dropped: Counter


class Pending(Generic[R]):
    """What one attempt has, until it is written. Made by `Appender.open`."""

    def __init__(self, appender: "Appender[R, Any]", order: Order) -> None:
        self.token = order.lease_token
        self.waiting: deque[R] = deque()
        self._appender = appender
        self._order = order
        self._over = False
        self._written = asyncio.Event()

    def close_row(self) -> None:
        """Make a row of what is none yet."""

    async def finish(self, seconds: float = FINISH_SECONDS) -> bool:
        """Wait until all is written, at most so long; False if something had to go."""
        self._over = True
        self.close_row()
        try:
            if self.waiting:
                self._written.clear()
                self._appender.wake()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await self._written.wait()
            return not self.waiting
        finally:
            self._appender.leave(self)

    def answered(self, count: int) -> None:
        """So many rows are written."""
        for _ in range(count):
            self._appender.held -= self._appender.kind.size(self.waiting.popleft()) + COST
        if not self.waiting:
            self._written.set()
        elif self._over:
            self._appender.wake()

    def forget(self, reason: str) -> None:
        """Nothing more of this attempt can be written."""
        self._over = True
        self.close_row()
        kind = self._appender.kind
        kind.dropped.labels(reason).inc(sum(map(kind.counts, self.waiting)))
        self.answered(len(self.waiting))


class Appender(Generic[R, P]):
    """Writes one kind of what the attempts of this replica say. Its `once` is driven by a loop, which `wake`
    wakes."""

    def __init__(
        self,
        database: Database,
        kind: Kind[R],
        pending: Callable[["Appender[R, P]", Order], P],
        *,
        now: Clock,
        room: int,
    ) -> None:
        """``now`` is the database's clock in epoch seconds, as it is known here; ``room`` is characters."""
        self.kind = kind
        self.now = now
        self.room = room
        self.held = 0
        """What is held here now, in characters and what they cost besides."""
        self.wake: Callable[[], object] = _nothing
        self._database = database
        self._make = pending
        self._pending: dict[UUID, P] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def open(self, order: Order) -> P:
        """What takes from an attempt from now on. Whoever opens it finishes it."""
        pending = self._pending[order.lease_token] = self._make(self, order)
        return pending

    def of(self, order: Order) -> P | None:
        """What was opened for an attempt, unless it is over."""
        return self._pending.get(order.lease_token)

    def leave(self, pending: Pending[R]) -> None:
        """The attempt is over: what could not be written until now is not kept."""
        if pending.waiting:
            _log.warning("rows_dropped", lease_token=str(pending.token), rows=len(pending.waiting))
            pending.forget("too_late")
        self._pending.pop(pending.token, None)

    async def once(self) -> int:
        """Write one batch; 0 unless there is more. Raises what the database raises, and keeps the batch."""
        takings = self._take()
        batch = list(chain.from_iterable(takings.values()))
        if not batch:
            return 0
        async with self._database.raw() as db:
            live = set(await halved(batch, partial(self.kind.append, db), _refused))
        for token, rows in takings.items():
            self._answer(token, rows, live=token in live)
        return len(batch) if self.held > self.kind.hurry or len(batch) >= self.kind.batch.rows else 0

    def _take(self) -> dict[UUID, list[R]]:
        """The first rows of each attempt, each its share, beginning with who got none the last time."""
        takings: dict[UUID, list[R]] = {}
        count = size = 0
        for token, pending in list(self._pending.items()):
            if count >= self.kind.batch.rows or size >= self.kind.batch.size:
                break
            pending.close_row()
            rows = self._share(pending.waiting, self.kind.batch.rows - count)
            count += len(rows)
            size += sum(map(self.kind.size, rows))
            self._pending[token] = self._pending.pop(token)
            if rows:
                takings[token] = rows
        return takings

    def _share(self, waiting: Iterable[R], most: int) -> list[R]:
        rows: list[R] = []
        size = 0
        for row in waiting:
            if len(rows) >= min(most, self.kind.share.rows) or size >= self.kind.share.size:
                break
            rows.append(row)
            size += self.kind.size(row)
        return rows

    def _answer(self, token: UUID, rows: Sequence[R], *, live: bool) -> None:
        pending = self._pending.get(token)
        if pending is None:
            return
        if not live:
            pending.forget("fenced")
            return
        pending.answered(len(rows))
        self.kind.kept.inc(sum(map(self.kind.counts, rows)))


def _nothing() -> None:
    return


async def _refused(row: Row, error: Exception) -> Iterable[UUID]:
    """What is refused by itself goes."""
    _log.error("row_refused", job_id=str(row.job_id), error=repr(error))
    return (row.lease_token,)
