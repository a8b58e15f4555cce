"""Positions of lines and lines themselves, between the tables and what users see."""

import re

from app.logs.schemas import POSITION, LogLine
from core.errors import Fault, Invalid
from core.logs.model import Line, Position

_POSITION = re.compile(POSITION)


def line(kept: Line) -> LogLine:
    """A line as the API shows it."""
    return LogLine(
        position=write(kept.position),
        attempt=kept.position.attempt,
        stream=kept.stream,
        at=kept.at,
        text=kept.text,
        mark=kept.mark,
    )


def write(position: Position) -> str:
    """A position as users see it."""
    return f"{position.attempt}-{position.number}"


def read(text: str | None, *, parameter: str) -> Position:
    """What a user gave as a position; the start if nothing. Raises Invalid."""
    if text is None:
        return Position()
    if _POSITION.fullmatch(text):
        attempt, _, number = text.partition("-")
        if int(attempt) < 1 << 15:
            return Position(int(attempt), int(number))
    message = "must be the position of a line, such as 1-42"
    raise Invalid([Fault("wrong_format", message, parameter=parameter)])
