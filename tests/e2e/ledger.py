"""What the receiver saw: an append-only file, one line and one write for each thing that happened.

A line is written the moment it is true, so a receiver or a test that dies loses nothing.
"""

import os
import time
from enum import StrEnum
from pathlib import Path

import msgspec


class Signature(StrEnum):
    """What the reference implementation says of a delivery."""

    VALID = "valid"
    INVALID = "invalid"
    ABSENT = "absent"


class Instant(msgspec.Struct, frozen=True):
    """One moment on two clocks."""

    mono: float
    """CLOCK_MONOTONIC, which all processes of this machine share."""
    wall: float
    """Epoch seconds."""


class Arrived(msgspec.Struct, frozen=True, tag="arrived", kw_only=True):
    """A request was read to its last byte."""

    number: int
    at: Instant
    path: str
    method: str
    message_id: str
    idempotency_key: str
    attempt: int
    body_sha256: str
    authorization_sha256: str
    signature: Signature
    traceparent: str = ""


class Answered(msgspec.Struct, frozen=True, tag="answered", kw_only=True):
    """Its answer was handed to the kernel, to the last byte."""

    number: int
    at: Instant
    status: int


class Dropped(msgspec.Struct, frozen=True, tag="dropped", kw_only=True):
    """The connection was closed before the caller had its answer."""

    number: int
    at: Instant
    on_purpose: bool = False
    """By us, as we were told; else by the caller."""


Line = Arrived | Answered | Dropped

_decoder = msgspec.json.Decoder(Line)
_encoder = msgspec.json.Encoder()


class Arrival(msgspec.Struct, frozen=True):
    """One request and what became of it."""

    request: Arrived
    status: int | None = None
    """What was answered in full; none while it is open, and when it was dropped."""
    dropped: bool = False
    dropped_on_purpose: bool = False
    """By the target itself."""
    over: Instant | None = None
    """When the answer was written or the connection dropped."""

    @property
    def succeeded(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Pen:
    """Writes the ledger."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, line: Line) -> None:
        os.write(self._file, _encoder.encode(line) + b"\n")


class Ledger:
    """Reads it, also while it is being written."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def arrivals(self, prefix: str = "/") -> list[Arrival]:
        """Those on paths that start like this, in the order they came."""
        found: dict[int, Arrival] = {}
        for raw in self._whole_lines():
            line = _decoder.decode(raw)
            if isinstance(line, Arrived):
                if line.path.startswith(prefix):
                    found[line.number] = Arrival(line)
            elif line.number in found:
                found[line.number] = _ended(found[line.number], line)
        return list(found.values())

    def _whole_lines(self) -> list[bytes]:
        if not self._path.exists():
            return []
        return self._path.read_bytes().split(b"\n")[:-1]


def _ended(arrival: Arrival, line: Answered | Dropped) -> Arrival:
    if isinstance(line, Answered):
        return Arrival(arrival.request, status=line.status, over=line.at)
    return Arrival(arrival.request, dropped=True, dropped_on_purpose=line.on_purpose, over=line.at)


def now() -> Instant:
    return Instant(time.monotonic(), time.time())
