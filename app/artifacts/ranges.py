"""The one range of bytes that a request asks for (RFC 9110, 14.1). Pure.

Several ranges, other units and what cannot be read are as if nothing had been asked: the answer is the whole.
"""

import re

import msgspec

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.IGNORECASE)


class Span(msgspec.Struct, frozen=True):
    """Bytes of a file, by the place of the first and how many."""

    first: int
    count: int


class Unsatisfiable(msgspec.Struct, frozen=True):
    """The file has no such bytes."""


def wanted(header: str | None, condition: str | None, *, size: int, etag: str) -> Span | Unsatisfiable | None:
    """What `Range` and `If-Range` ask for; None is the whole."""
    if header is None or (condition is not None and condition != etag):
        return None
    match = _RANGE.fullmatch(header.strip())
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        count = min(int(match[2]), size)
        return Span(size - count, count) if count else Unsatisfiable()
    first = int(match[1])
    last = size - 1 if match[2] == "" else min(int(match[2]), size - 1)
    if match[2] != "" and int(match[2]) < first:
        return None
    return Span(first, last - first + 1) if first < size else Unsatisfiable()
