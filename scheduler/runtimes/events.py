"""What the code of an attempt tells about itself while it works: progress, events of its own, its hooks.

A runtime that can hear this takes an `Events` when it is made. Like an `Output` it never waits for anybody:
of one attempt it takes a bounded number, and then says once how many it has dropped.
"""

from enum import StrEnum
from typing import Any, Protocol

from msgspec import Struct

from scheduler.runtimes.runtime import Order


class HappeningKind(StrEnum):
    """What sort of thing has happened."""

    PROGRESS = "progress"
    """`done` of `total`, with a `message`."""
    CUSTOM = "custom"
    """Named by the function's author, with `data`."""
    HOOK = "hook"
    """A hook came back, named by `name`; `error` if it failed."""
    DROPPED = "dropped"
    """More was told than is taken; `data.count` of them are not here. The last of its attempt."""


class Happening(Struct, frozen=True, kw_only=True):
    """One of them, in the order in which they were told."""

    kind: HappeningKind
    name: str
    at: float = 0.0
    """Seconds since the epoch by the clock of the host; for show, never to decide by."""
    done: float | None = None
    total: float | None = None
    message: str = ""
    error: str | None = None
    data: dict[str, Any] = {}


class Events(Protocol):
    """Takes what attempts tell. Never blocks, never raises."""

    def happened(self, order: Order, happening: Happening) -> None: ...


class NoEvents:
    """Takes them and does nothing."""

    def happened(self, order: Order, happening: Happening) -> None:
        return
