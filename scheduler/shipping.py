"""What attempts print, as chunks of lines on their way into the table of logs (see `scheduler.appending`).

Of one attempt 10 MiB are kept. What is left out is said by a line of ours, in its place.
"""

from collections.abc import Sequence
from typing import Any

from core import metrics
from core.clock import Clock
from core.db import Database
from core.logs import store as logs
from core.logs.model import MOST_BYTES, Chunk, Mark, Stream
from scheduler.appending import COST, FINISH_SECONDS, Appender, Bounds, Kind, Pending
from scheduler.lines import Run, Splitter
from scheduler.runtimes.runtime import Order

_BUFFER = 64 * 1024 * 1024
_CHUNK_SIZE = 32 * 1024
_CHUNK_LINES = 1000
_CHUNK_SECONDS = 0.1

CHUNKS = Kind[Chunk](
    append=logs.append,
    size=lambda chunk: len(chunk.text) + 1,
    batch=Bounds(500, 4 * 1024 * 1024),
    share=Bounds(500, 512 * 1024),
    hurry=1024 * 1024,
    counts=lambda chunk: chunk.lines,
    kept=metrics.log_lines,
    dropped=metrics.log_lines_dropped,
)

_SAID = {
    Mark.TRUNCATED: f"[noonmark] What follows the first {MOST_BYTES // 1024 // 1024} MiB is not kept.",
    Mark.DROPPED: "[noonmark] Lines are missing here: they came faster than they could be stored.",
}


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


class Shipment(Pending[Chunk]):
    """What one attempt prints."""

    def __init__(self, shipper: Appender[Chunk, Any], order: Order) -> None:
        super().__init__(shipper, order)
        self._splitters = {stream: Splitter() for stream in Stream}
        self._gathering: _Gathering | None = None
        self._sequence = 0
        self._taken = 0
        self._dropping = False

    def write(self, stream: Stream, data: bytes) -> None:
        """Take what was printed. Never waits and never fails; what there is no room for is left out."""
        if self._over:
            return
        if self._appender.held + len(data) > self._appender.room:
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
        if self._appender.held > CHUNKS.hurry:
            self._appender.wake()

    async def finish(self, seconds: float = FINISH_SECONDS) -> bool:
        """Take no more, and wait as all do."""
        if not self._over:
            self._end_lines()
        return await super().finish(seconds)

    def close_row(self, mark: Mark | None = None) -> None:
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

    def _add(self, stream: Stream, runs: Sequence[Run]) -> None:
        at = self._appender.now()
        for lines, cut in runs:
            for start in range(0, len(lines), _CHUNK_LINES):
                self._gather(stream, at, lines[start : start + _CHUNK_LINES])
            if cut:
                self.close_row(Mark.CUT)

    def _gather(self, stream: Stream, at: float, lines: list[str]) -> None:
        size = sum(map(len, lines)) + len(lines)
        if size > _CHUNK_SIZE and len(lines) > 1:
            middle = len(lines) // 2
            self._gather(stream, at, lines[:middle])
            self._gather(stream, at, lines[middle:])
            return
        if self._gathering is None or not self._gathering.takes(stream, at, lines=len(lines), size=size):
            self.close_row()
            self._gathering = _Gathering(stream, at)
            self._appender.held += COST
        self._gathering.lines += lines
        self._gathering.size += size
        self._appender.held += size

    def _mark(self, stream: Stream, mark: Mark) -> None:
        """A line of our own, alone in its chunk."""
        self.close_row()
        self._add(stream, [Run([_SAID[mark]])])
        self.close_row(mark)

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


class Shipper(Appender[Chunk, Shipment]):
    """Writes what the attempts of this replica print."""

    def __init__(self, database: Database, *, now: Clock, room: int = _BUFFER) -> None:
        super().__init__(database, CHUNKS, Shipment, now=now, room=room)
