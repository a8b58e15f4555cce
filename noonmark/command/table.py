"""Plain text for people: tables and lists of facts.

What is shown may have been written by a stranger (a target's answer, a label), so nothing that could steer a
terminal gets through. On a terminal the last column is cut to its width; in a pipe nothing is cut.
"""

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

import click

from noonmark.model import State

T = TypeVar("T")

_GAP = "  "
_COLOURS = {
    State.SUCCEEDED: "green",
    State.FAILED: "red",
    State.CANCELLED: "yellow",
    State.CANCELLING: "yellow",
    State.RUNNING: "cyan",
}


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """What a table shows of each item."""

    title: str
    text: Callable[[T], object]


def clean(value: object) -> str:
    """One line of printable text; nothing is a dash."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.astimezone().isoformat(sep=" ", timespec="seconds")
    return plain(str(value))


def plain(text: str) -> str:
    """Without anything that steers a terminal."""
    return "".join(each if each.isprintable() else "·" for each in text)


def rows(columns: Sequence[Column[T]], items: Sequence[T], *, width: int | None = None) -> str:
    """A table; `width` cuts its lines."""
    cells = [[clean(column.text(item)) for column in columns] for item in items]
    widths = [
        max(len(text) for text in (column.title, *(row[place] for row in cells)))
        for place, column in enumerate(columns)
    ]
    lines = [[column.title.upper() for column in columns], *cells]
    return "\n".join(_line(line, widths, width) for line in lines)


def facts(pairs: Sequence[tuple[str, object]]) -> str:
    """Names and values, one a line; what is None is left out."""
    given = [(name, clean(value)) for name, value in pairs if value is not None]
    widest = max((len(name) for name, _ in given), default=0)
    return "\n".join(f"{name:<{widest}}{_GAP}{_painted(value)}" for name, value in given)


def terminal_width() -> int | None:
    """Columns of the terminal; None in a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _line(cells: Sequence[str], widths: Sequence[int], width: int | None) -> str:
    padded = [f"{cell:<{widths[place]}}" for place, cell in enumerate(cells)]
    line = _GAP.join(padded).rstrip()
    if width is not None and len(line) > width:
        line = line[: max(width - 1, 1)] + "…"
    return _GAP.join(_painted(part) for part in line.split(_GAP))


def _painted(text: str) -> str:
    """A state in its colour; anything else as it is."""
    colour = _COLOURS.get(State(text)) if text in _WORDS else None
    return click.style(text, fg=colour) if colour else text


_WORDS = {str(state) for state in State}
