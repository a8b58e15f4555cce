"""The shape of what attempts print: lines in chunks, numbered within an attempt from 1.

A row is a chunk, because a row costs more than most lines: one or more lines of one stream that came
together, joined by newlines. A chunk's sequence is the number of its last line. Nothing in here is bytes any
more: text is valid UTF-8 without NUL, and no line holds a newline.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

MOST_BYTES = 10 * 1024 * 1024
"""What is kept of what one attempt prints."""
LONGEST_LINE = 8 * 1024
"""Bytes; a longer line is cut into pieces, each a line of its own."""


class Stream(StrEnum):
    """Where a line was printed to."""

    STDOUT = "stdout"
    STDERR = "stderr"


class Mark(StrEnum):
    """What there is to know about a line besides its text."""

    CUT = "cut"
    """It was too long; the next line of its stream is the rest of it."""
    TRUNCATED = "truncated"
    """Not printed but put there by us: what the attempt printed after this is not kept."""
    DROPPED = "dropped"
    """Not printed but put there by us: lines are missing here."""


class Chunk(msgspec.Struct, frozen=True):
    """Lines to be kept. Field order is the statement's."""

    job_id: UUID
    attempt: int
    lease_token: UUID
    sequence: int
    """The number of the last line."""
    lines: int
    at: float
    """Seconds since the epoch by the database's clock: when the first of them came."""
    stream: str
    text: str
    mark: str | None
    """Of the last line."""


class Position(msgspec.Struct, frozen=True):
    """A line's place in all that a job printed, before all lines that came later."""

    attempt: int = 0
    number: int = 0


class Line(msgspec.Struct, frozen=True):
    """A line as it is kept."""

    position: Position
    stream: Stream
    at: datetime
    text: str
    mark: Mark | None


class Page(msgspec.Struct, frozen=True):
    """Lines that follow a position, and where their job stood in the same instant."""

    lines: list[Line]
    more: bool
    """Whether there were further lines."""
    state: str | None
    """How the job ended; None while it is not over."""
    over: bool
    """Whether nothing more will be printed by what was asked for."""
