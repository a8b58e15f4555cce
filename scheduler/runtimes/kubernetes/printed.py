"""What comes back through the logs of a pod: the output of an attempt, whole and once, and its result.

The cluster gives both of a container's streams as one, each line after the instant at which it was printed. A
connection may break at any byte: the next one asks for everything since the last full second, and what was
delivered of that second is counted off. Lines without an instant are the node's own words, and are left out.
"""

import asyncio
import binascii
import contextlib
import re
from base64 import b64decode
from collections.abc import Callable

from core import log
from core.logs.model import Stream
from scheduler.runtimes.kubernetes.cluster import NOT_FOUND, Answered, Cluster, ClusterError
from scheduler.runtimes.kubernetes.objects import BEGIN, COLLECTOR, CONTAINER, END
from scheduler.runtimes.runtime import Output

_log = log.get(__name__)

_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)")
_LONGEST_STAMP = 64
_AGAIN_SECONDS = 0.5
_LAST_TRIES = 3
_MOST_COLLECTED = 2 * 1024 * 1024
"""Bytes; more than the largest result as it is printed."""


class Joined:
    """One text out of several readings of it, each of which begins no later than the last one broke off."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self.since: str | None = None
        """The instant to read from."""
        self._second = b""
        self._lines = 0
        self._bytes = 0
        self.begin()

    def begin(self) -> None:
        """What is fed from here on comes from a new reading."""
        self._known_lines, self._known_bytes = self._lines, self._bytes
        self._stamp = b""
        self._inside = self._known = self._foreign = False

    def feed(self, data: bytes) -> None:
        fresh = bytearray()
        at = 0
        while at < len(data):
            at = self._text(data, at, fresh) if self._inside else self._head(data, at)
        if fresh:
            self._write(bytes(fresh))

    def _head(self, data: bytes, at: int) -> int:
        """Read on in the instant before a line; where to go on."""
        limit = at + _LONGEST_STAMP - len(self._stamp)
        space = data.find(b" ", at, limit)
        newline = data.find(b"\n", at, limit if space < 0 else space)
        if newline >= 0:
            # A line of one word: nobody's.
            self._stamp = b""
            return newline + 1
        end = min(limit, len(data)) if space < 0 else space
        self._stamp += data[at:end]
        if space < 0 and len(self._stamp) < _LONGEST_STAMP:
            return end
        self._open(_STAMP.fullmatch(self._stamp))
        self._stamp = b""
        return end + (space >= 0)

    def _open(self, stamp: re.Match[bytes] | None) -> None:
        self._inside, self._foreign = True, stamp is None
        if stamp is None:
            return
        self._known = self._known_lines > 0
        if self._known:
            self._known_lines -= 1
            return
        if stamp[1] > self._second and not self._known_bytes:
            self._second, self._lines = stamp[1], 0
            self.since = (stamp[1] + stamp[2]).decode()

    def _text(self, data: bytes, at: int, fresh: bytearray) -> int:
        newline = data.find(b"\n", at)
        end = len(data) if newline < 0 else newline + 1
        if not (self._foreign or self._known):
            known = min(self._known_bytes, end - at)
            self._known_bytes -= known
            self._bytes += end - at - known
            fresh += data[at + known : end]
        if newline >= 0:
            self._close()
        return end

    def _close(self) -> None:
        self._inside = False
        if not (self._foreign or self._known):
            self._lines, self._bytes, self._known_bytes = self._lines + 1, 0, 0


class Follower:
    """Reads the output of one pod to its end. All of it counts as standard output."""

    def __init__(self, cluster: Cluster, output: Output) -> None:
        self._cluster = cluster
        self._joined = Joined(lambda data: output.write(Stream.STDOUT, data))
        self._over = asyncio.Event()
        self._pod = ""
        self._reading: asyncio.Task[None] | None = None

    def begin(self, pod: str) -> None:
        """From here on there may be something to read."""
        if self._reading is None:
            self._pod = pod
            self._reading = asyncio.create_task(self._read(pod))

    async def finish(self, within: float) -> None:
        """The container has ended: read what is left, if it does not take too long."""
        self._over.set()
        if self._reading is None:
            return
        _, late = await asyncio.wait({self._reading}, timeout=within)
        await self.stop()
        if late:
            # A connection can die without a word; whatever is there is read through another one.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within):
                    await self._read_once(self._pod, follow=False)

    async def stop(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})

    async def _read(self, pod: str) -> None:
        """Follow for as long as it runs, and look once more when it has ended: nothing is missed."""
        tries = _LAST_TRIES
        while tries:
            over = self._over.is_set()
            if await self._read_once(pod, follow=not over) and over:
                return
            tries -= over
            await self._pause()

    async def _read_once(self, pod: str, *, follow: bool) -> bool:
        self._joined.begin()
        try:
            reading = self._cluster.printed(pod, CONTAINER, follow=follow, since=self._joined.since)
            async with reading as pieces:
                async for piece in pieces:
                    self._joined.feed(piece)
        except Answered as answer:
            # Its pod is gone, or its node has nothing to read yet.
            return answer.code == NOT_FOUND
        except ClusterError as error:
            _log.info("output_broke_off", pod=pod, error=str(error))
            return False
        return True

    async def _pause(self) -> None:
        """A moment, so that a log that ends at once is not asked for without end."""
        waiting = asyncio.create_task(self._over.wait())
        await asyncio.wait({waiting}, timeout=_AGAIN_SECONDS)
        waiting.cancel()


async def collect(cluster: Cluster, pod: str) -> bytes | None:
    """The result that an ended pod has left, as far as it can be read; none if it left nothing."""
    printed = bytearray()
    reading = cluster.printed(pod, COLLECTOR, follow=False, stamped=False)
    async with reading as pieces:
        async for piece in pieces:
            printed += piece
            if len(printed) > _MOST_COLLECTED:
                break
    return result_in(bytes(printed))


def result_in(printed: bytes) -> bytes | None:
    """What a collector has printed; cut short if it was broken off, and so surely no result any more."""
    _, begins, rest = printed.partition(BEGIN + b"\n")
    if not begins:
        return None
    coded, ends, _ = rest.partition(END)
    if not ends:
        return b""
    try:
        return b64decode(coded)
    except binascii.Error:
        return b""
