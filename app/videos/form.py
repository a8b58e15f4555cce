"""Reading an upload while it arrives: fields are kept, the one file is handed on in pieces.

    body ──► parser ──► fields
                 └────► file ──► whoever keeps it

Nothing waits for the end of the body, and no more of it is held than a piece. The order of the parts does not
count. A form that is no form, or has a part too many, ends here; what its fields say is judged elsewhere.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Generic, TypeVar

import msgspec
from multipart import MultipartError, MultipartSegment, PushMultipartParser

from app.errors import Rejected

T = TypeVar("T")

LONGEST_FIELD = 1024
"""Bytes."""
_MOST_PARTS = 16
_MOST_HEADER_BYTES = 4096
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{1,70}")

Pieces = AsyncIterator[bytes]


class _Head(msgspec.Struct, frozen=True):
    """A part begins."""

    name: str
    filename: str | None


_Event = _Head | bytes | None
"""A part begins, goes on, or is over."""


class Form(msgspec.Struct, Generic[T], frozen=True):
    """What was sent."""

    fields: dict[str, str]
    file: T | None
    """What became of the file; none if there was none."""


def boundary(media_type: str, parameters: dict[str, str]) -> str:
    """What separates the parts. Raises Rejected (415) for a body that is no form with files."""
    found = parameters.get("boundary", "")
    if media_type.lower() != "multipart/form-data" or not _BOUNDARY.fullmatch(found):
        raise Rejected(415, "unsupported_media_type", "Send the body as multipart/form-data.")
    return found


async def read(
    body: Pieces, boundary: str, *, file: str, keep: Callable[[str, Pieces], Awaitable[T]]
) -> Form[T]:
    """The form; `keep` is given the name and the pieces of the part `file`, and takes all of them.

    Raises Rejected (400), and what `keep` raises.
    """
    fields: dict[str, str] = {}
    kept: T | None = None
    async with aclosing(_events(body, boundary)) as events:
        async for event in events:
            if not isinstance(event, _Head):
                continue
            name = event.name
            if name in fields or (name == file and kept is not None):
                raise _bad(f"{name[:40]!r} is given twice")
            if name != file:
                fields[name] = await _text(name, events)
            elif event.filename is None:
                raise _bad(f"{file!r} is no file")
            else:
                pieces = _Part(events)
                kept = await keep(event.filename, pieces)
                await pieces.rest()
    return Form(fields, kept)


class _Part:
    """The pieces of one part."""

    def __init__(self, events: AsyncIterator[_Event]) -> None:
        self._events = events
        self._over = False

    def __aiter__(self) -> "_Part":
        return self

    async def __anext__(self) -> bytes:
        event = None if self._over else await anext(self._events)
        if not isinstance(event, bytes):
            self._over = True
            raise StopAsyncIteration
        return event

    async def rest(self) -> None:
        """What nobody took is let go of."""
        async for _ in self:
            continue


async def _events(body: Pieces, boundary: str) -> AsyncGenerator[_Event, None]:
    try:
        parser = PushMultipartParser(
            boundary, max_segment_count=_MOST_PARTS, max_header_size=_MOST_HEADER_BYTES
        )
        async for piece in body:
            if piece:
                for event in parser.parse(piece):
                    is_head = isinstance(event, MultipartSegment)
                    yield _Head(event.name or "", event.filename) if is_head else event
        parser.close()
    except MultipartError as error:
        raise _bad(str(error)) from None


async def _text(name: str, events: AsyncIterator[_Event]) -> str:
    text = b""
    async for piece in _Part(events):
        text += piece
        if len(text) > LONGEST_FIELD:
            raise _bad(f"{name[:40]!r} is longer than {LONGEST_FIELD} bytes")
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise _bad(f"{name[:40]!r} is no UTF-8") from None


def _bad(why: str) -> Rejected:
    return Rejected(400, "bad_request", f"The body is no form that we can read: {why}.")
