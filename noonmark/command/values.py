"""What people type for times, durations, headers, labels and bodies; BadParameter says what is wrong."""

import re
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
import msgspec

_DURATION = re.compile(r"(?P<number>\d{1,9}(?:\.\d+)?)(?P<unit>ms|s|m|h|d|w)?", re.ASCII)
_SECONDS: dict[str | None, float] = {
    "ms": 0.001,
    "s": 1,
    None: 1,
    "m": 60,
    "h": 3600,
    "d": 86_400,
    "w": 604_800,
}


def duration(typed: str) -> timedelta:
    """`90`, `90s`, `5m`, `1h30m`, `2d`."""
    parts = list(_DURATION.finditer(typed))
    if not parts or "".join(part[0] for part in parts) != typed:
        raise click.BadParameter(f"{typed!r} is no duration; write 90s, 5m, 1h30m or 2d")
    return timedelta(seconds=sum(float(part["number"]) * _SECONDS[part["unit"]] for part in parts))


def instant(typed: str) -> datetime:
    """`2027-01-01T09:00:00+01:00`; without an offset it is this machine's local time."""
    try:
        return datetime.fromisoformat(typed).astimezone()
    except (ValueError, OverflowError):
        raise click.BadParameter(f"{typed!r} is no time; write 2027-01-01T09:00:00+01:00") from None


def pair(separator: str) -> Callable[[str], tuple[str, str]]:
    """The reader of a name and a value with a separator between them."""

    def read_pair(typed: str) -> tuple[str, str]:
        name, found, text = typed.partition(separator)
        if not found or not name.strip():
            raise click.BadParameter(f"{typed!r} is not NAME{separator}VALUE")
        return name.strip(), text.strip()

    return read_pair


def priority(typed: str) -> str | int:
    """One of the names, or a number."""
    return int(typed) if typed.isascii() and typed.isdecimal() else typed


def json_body(typed: str) -> Any:
    """JSON, or `@FILE` with JSON in it, or `@-` for stdin."""
    content = read(typed[1:]) if typed.startswith("@") else typed.encode()
    try:
        # Checked here and sent as it was typed, so that a number keeps its digits.
        msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"-d is no JSON ({error}); for other bodies use --text or --file") from error
    return msgspec.Raw(content)


def read(place: str) -> bytes:
    """A file, or stdin for `-`."""
    if place == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(place).read_bytes()
    except OSError as error:
        raise click.BadParameter(f"{place} cannot be read: {error.strerror}") from error
