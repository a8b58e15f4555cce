"""`python -m benchmarks.load FILE`: as many requests as so many connections can make, one after another each.

FILE is a Load as JSON. Says one Report as JSON. Reads no more of an answer than its status and its length.
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import cast

import msgspec
import uvloop

from benchmarks.figures import percentile
from benchmarks.receiver.protocol import content_length


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask, and how hard."""

    port: int
    requests: list[str]
    """Whole requests, taken in turn."""
    connections: int
    seconds: float
    warm_seconds: float = 1.0


class Report(msgspec.Struct, frozen=True):
    """What came of it, the warming up left out."""

    per_s: float
    p50_ms: float
    p99_ms: float
    refused: float
    """Answers that were no 2xx."""
    started: float
    """Wall clock at which measuring began."""


class Caller(asyncio.Protocol):
    """One connection: the next request goes when the last answer is whole."""

    _transport: asyncio.Transport

    def __init__(self, wire: list[bytes], took: list[tuple[float, float]]) -> None:
        self._wire = wire
        self._turn = 0
        self._took = took
        self._rest = b""
        self._asked = 0.0
        self.refused = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._rest += data
        end = self._rest.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._rest[: end + 2].lower()
        if len(self._rest) < end + 4 + content_length(head):
            return
        now = time.perf_counter()
        self._took.append((now, now - self._asked))
        self.refused += not head.startswith(b"http/1.1 2")
        self._rest = b""
        self._ask()

    def close(self) -> None:
        self._transport.abort()

    def _ask(self) -> None:
        self._asked = time.perf_counter()
        self._transport.write(self._wire[self._turn % len(self._wire)])
        self._turn += 1


async def run(load: Load) -> Report:
    loop = asyncio.get_running_loop()
    wire, took = [text.encode() for text in load.requests], list[tuple[float, float]]()
    callers: list[Caller] = []
    for _ in range(load.connections):
        _, caller = await loop.create_connection(lambda: Caller(wire, took), "127.0.0.1", load.port)
        callers.append(caller)
    await asyncio.sleep(load.warm_seconds)
    began, started = time.perf_counter(), time.time()
    await asyncio.sleep(load.seconds)
    seconds = time.perf_counter() - began
    for caller in callers:
        caller.close()
    ordered = sorted(duration * 1000 for at, duration in took if at >= began)
    refused = sum(caller.refused for caller in callers)
    return Report(
        len(ordered) / seconds, percentile(ordered, 50), percentile(ordered, 99), float(refused), started
    )


def main(path: str) -> None:
    load = msgspec.json.decode(Path(path).read_bytes(), type=Load)
    sys.stdout.write(msgspec.json.encode(uvloop.run(run(load))).decode() + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
