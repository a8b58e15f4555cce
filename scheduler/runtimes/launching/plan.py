"""What the scheduler and a supervisor say to each other, over the socket that each attempt has of its own.

    scheduler ──► length, Plan                      supervisor ──► Began, or Refused and the end
              ──► STOP                                         ──► Ended, and the end
              ──► the end: the scheduler is gone

What is said is JSON in a line. The end comes only when all of the attempt is gone.
"""

import json
import struct
from typing import Any, NamedTuple

STOP = b"s"
LENGTH = struct.Struct("!I")


class Plan(NamedTuple):
    """How to start a program, and what it may use."""

    command: list[str]
    environment: dict[str, str]
    folder: str
    working_directory: str
    user: tuple[int, int] | None
    """uid and gid to become; none stays who we are."""
    grace_seconds: float
    memory_bytes: int | None
    pids: int | None
    file_bytes: int


class Began(NamedTuple):
    """The program runs."""

    pid: int


class Refused(NamedTuple):
    """The program could not be started."""

    stage: str
    errno: int


class Ended(NamedTuple):
    """The program is over, and so is all it had started."""

    status: int
    """As waitpid has it."""
    stopped: bool
    """It was told to."""
    exceeded: str
    """The limit for which it was ended: `memory`, `pids`, or empty."""


Said = Began | Refused | Ended
_KINDS: dict[str, type[Began] | type[Refused] | type[Ended]] = {
    kind.__name__: kind for kind in (Began, Refused, Ended)
}


def pack(plan: Plan) -> bytes:
    data = json.dumps(plan).encode()
    return LENGTH.pack(len(data)) + data


def unpack(data: bytes) -> Plan:
    return Plan(*json.loads(data.decode()))


def line(said: Said) -> bytes:
    return json.dumps([type(said).__name__, *said]).encode() + b"\n"


def parse(text: bytes) -> Said:
    kind, *values = json.loads(text.decode())
    arguments: list[Any] = values
    return _KINDS[kind](*arguments)
