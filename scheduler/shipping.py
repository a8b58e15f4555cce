"""The way of what attempts print: from their pipes into the table of logs, all attempts by one statement.

    runtime ──write──► Shipment (lines, chunks) ──► Shipper, twice a second ──► logs
                                                       settle ◄── finish ◄──┘

- A runtime is never made to wait, and memory is bounded: of one attempt 10 MiB are kept, and of all of them
  no more is held at once than the buffer has room for. What is left out is said by a line of ours, in its
  place.
- A chunk stays here until the database has answered for it, and never changes once it was sent. So an outage
  loses nothing while there is room, and a statement that is sent again writes nothing twice.
- Who lost the lease writes nothing more: what is left of its lines goes.
- `finish` comes before the attempt is settled: once a job is over, its log is complete.

Everything here happens on the event loop's thread.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from functools import partial
from itertools import chain
from uuid import UUID

from core import log, metrics
from core.clock import Clock
from core.db import Database, Raw
from core.logs import store as logs
from core.logs.model import MOST_BYTES, Chunk, Mark, Stream
from scheduler.halving import halved
from scheduler.lines import Run, Splitter
from scheduler.runtimes.runtime import Order

INTERVAL_SECONDS = 0.5
"""Between two passes of the shipper, if nothing is in a hurry."""

_BUFFER = 64 * 1024 * 1024
_WAKE = 1024 * 1024
_BATCH_CHUNKS = 500
_BATCH_SIZE = 4 * 1024 * 1024
_SHARE = 512 * 1024
_CHUNK_SIZE = 32 * 1024
_CHUNK_LINES = 1000
_CHUNK_SECONDS = 0.1
_CHUNK_COST = 500
_FINISH_SECONDS = 20.0

_SAID = {
    Mark.TRUNCATED: f"[noonmark] What follows the first {MOST_BYTES // 1024 // 1024} MiB is not kept.",
    Mark.DROPPED: "[noonmark] Lines are missing here: they came faster than they could be stored.",
}

_log = log.get(__name__)


class _Gathering:
    """Lines that become a chunk."""

    def __init__(self, stream: Stream, at: float) -> None:
        self.stream = stream
        self.at = at
        self.lines: list[str] = []
        self.size = 0

    def takes(self, stream: Stream, at: float, *, lines: int, size: int) -> bool:
        """Whether so many more fit in, and came with the others."""
        return (
            stream is self.stream
            and at - self.at <= _CHUNK_SECONDS
            and self.size + size <= _CHUNK_SIZE
            and len(self.lines) + lines <= _CHUNK_LINES
        )


class Shipment:
    """What one attempt prints, until it is written. Made by `Shipper.open`."""

    def __init__(self, shipper: "Shipper", order: Order) -> None:
        self.token = order.lease_token
        self.waiting: deque[Chunk] = deque()
        self._shipper = shipper
        self._order = order
        self._splitters = {stream: Splitter() for stream in Stream}
        self._gathering: _Gathering | None = None
        self._sequence = 0
        self._taken = 0
        self._over = False
        self._dropping = False
        self._written = asyncio.Event()

    def write(self, stream: Stream, data: bytes) -> None:
        """Take what was printed. Never waits and never fails; what there is no room for is left out."""
        if self._over:
            return
        if self._shipper.held + len(data) > self._shipper.room:
            metrics.log_lines_dropped.labels("no_room").inc(max(1, data.count(b"\n")))
            self._drop(stream)
            return
        self._dropping = False
        room = MOST_BYTES - self._taken
        self._taken += min(room, len(data))
        self._add(stream, self._splitters[stream].feed(data[:room]))
        if len(data) > room:
            self._end_lines()
            self._mark(stream, Mark.TRUNCATED)
            self._over = True
        self._shipper.taken()

    async def finish(self, seconds: float = _FINISH_SECONDS) -> bool:
        """Take no more, and wait until all is written, at most so long; False if something had to go."""
        if not self._over:
            self._end_lines()
        self._over = True
        self.close_chunk()
        try:
            if self.waiting:
                self._written.clear()
                self._shipper.wake()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await self._written.wait()
            return not self.waiting
        finally:
            self._shipper.leave(self)

    def close_chunk(self, mark: Mark | None = None) -> None:
        """Make a chunk of what was gathered; from now on it does not change."""
        gathered, self._gathering = self._gathering, None
        if gathered is None:
            return
        self._sequence += len(gathered.lines)
        self.waiting.append(
            Chunk(
                job_id=self._order.job_id,
                attempt=self._order.attempt,
                lease_token=self.token,
                sequence=self._sequence,
                lines=len(gathered.lines),
                at=gathered.at,
                stream=gathered.stream,
                text="\n".join(gathered.lines),
                mark=mark,
            )
        )

    def answered(self, count: int) -> None:
        """So many chunks are written."""
        for _ in range(count):
            self._shipper.held -= _cost(self.waiting.popleft())
        if not self.waiting:
            self._written.set()
        elif self._over:
            self._shipper.wake()

    def forget(self, reason: str) -> None:
        """Nothing more of this attempt can be written."""
        self._over = True
        self.close_chunk()
        metrics.log_lines_dropped.labels(reason).inc(sum(chunk.lines for chunk in self.waiting))
        self.answered(len(self.waiting))

    def _add(self, stream: Stream, runs: Sequence[Run]) -> None:
        at = self._shipper.now()
        for lines, cut in runs:
            for start in range(0, len(lines), _CHUNK_LINES):
                self._gather(stream, at, lines[start : start + _CHUNK_LINES])
            if cut:
                self.close_chunk(Mark.CUT)

    def _gather(self, stream: Stream, at: float, lines: list[str]) -> None:
        size = sum(map(len, lines)) + len(lines)
        if size > _CHUNK_SIZE and len(lines) > 1:
            middle = len(lines) // 2
            self._gather(stream, at, lines[:middle])
            self._gather(stream, at, lines[middle:])
            return
        if self._gathering is None or not self._gathering.takes(stream, at, lines=len(lines), size=size):
            self.close_chunk()
            self._gathering = _Gathering(stream, at)
            self._shipper.held += _CHUNK_COST
        self._gathering.lines += lines
        self._gathering.size += size
        self._shipper.held += size

    def _mark(self, stream: Stream, mark: Mark) -> None:
        """A line of our own, alone in its chunk."""
        self.close_chunk()
        self._add(stream, [Run([_SAID[mark]])])
        self.close_chunk(mark)

    def _drop(self, stream: Stream) -> None:
        """Leave something out, and say so in its place, once."""
        if self._dropping:
            return
        self._dropping = True
        self._end_lines()
        self._mark(stream, Mark.DROPPED)

    def _end_lines(self) -> None:
        """What has no end yet is a line too."""
        for stream, splitter in self._splitters.items():
            self._add(stream, splitter.end())


class Shipper:
    """Writes what the attempts of this replica print. Its `once` is driven by a loop, which `wake` wakes."""

    def __init__(self, database: Database, *, now: Clock, room: int = _BUFFER) -> None:
        """``now`` is the database's clock in epoch seconds, as it is known here; ``room`` is characters."""
        self.now = now
        self.room = room
        self.held = 0
        """What is held here now, in characters and what they cost besides."""
        self.wake = _nothing
        self._database = database
        self._shipments: dict[UUID, Shipment] = {}

    def __len__(self) -> int:
        return len(self._shipments)

    def open(self, order: Order) -> Shipment:
        """Where an attempt is to print to. Whoever opens it finishes it."""
        shipment = self._shipments[order.lease_token] = Shipment(self, order)
        return shipment

    def taken(self) -> None:
        """Something was printed."""
        if self.held > _WAKE:
            self.wake()

    def leave(self, shipment: Shipment) -> None:
        """The attempt is over: what could not be written until now is not kept."""
        if shipment.waiting:
            _log.warning("log_lines_dropped", lease_token=str(shipment.token), chunks=len(shipment.waiting))
            shipment.forget("too_late")
        self._shipments.pop(shipment.token, None)

    async def once(self) -> int:
        """Write one batch; 0 unless there is more. Raises what the database raises, and keeps the batch."""
        takings = self._take()
        batch = list(chain.from_iterable(takings.values()))
        if not batch:
            return 0
        async with self._database.raw() as db:
            live = await append(db, batch)
        for token, chunks in takings.items():
            self._answer(token, chunks, live=token in live)
        return len(batch) if self.held > _WAKE or len(batch) >= _BATCH_CHUNKS else 0

    def _take(self) -> dict[UUID, list[Chunk]]:
        """The first chunks of each attempt, each its share, beginning with who got none the last time."""
        takings: dict[UUID, list[Chunk]] = {}
        count = size = 0
        for token, shipment in list(self._shipments.items()):
            if count >= _BATCH_CHUNKS or size >= _BATCH_SIZE:
                break
            shipment.close_chunk()
            chunks = _share(shipment.waiting, _BATCH_CHUNKS - count)
            count += len(chunks)
            size += sum(len(chunk.text) for chunk in chunks)
            self._shipments[token] = self._shipments.pop(token)
            if chunks:
                takings[token] = chunks
        return takings

    def _answer(self, token: UUID, chunks: list[Chunk], *, live: bool) -> None:
        shipment = self._shipments.get(token)
        if shipment is None:
            return
        if not live:
            shipment.forget("fenced")
            return
        shipment.answered(len(chunks))
        metrics.log_lines.inc(sum(chunk.lines for chunk in chunks))


def _nothing() -> None:
    return


def _share(waiting: deque[Chunk], most: int) -> list[Chunk]:
    chunks: list[Chunk] = []
    size = 0
    for chunk in waiting:
        if len(chunks) >= most or size >= _SHARE:
            break
        chunks.append(chunk)
        size += len(chunk.text)
    return chunks


def _cost(chunk: Chunk) -> int:
    return _CHUNK_COST + len(chunk.text) + 1


async def append(db: Raw, chunks: Sequence[Chunk]) -> set[UUID]:
    """Write all of them, whatever one holds; the tokens of live leases. What is refused goes."""
    return set(await halved(chunks, partial(logs.append, db), _refused))


async def _refused(chunk: Chunk, error: Exception) -> set[UUID]:
    _log.error("log_chunk_refused", job_id=str(chunk.job_id), error=repr(error))
    return {chunk.lease_token}
