"""Files on their way to a server: in pieces, never whole in memory, and from their beginning for each try."""

import asyncio
import io
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import httpx

File = str | os.PathLike[str] | bytes | BinaryIO
"""The path of a file, an open one, or bytes."""

_PIECE = 64 * 1024
# As browsers write a name in a form.
_ESCAPED = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


@dataclass(frozen=True, slots=True)
class Source:
    """Bytes to be sent, as often as it takes."""

    file: Path | BinaryIO
    name: str | None
    size: int | None
    """None: it cannot be known, for this is a pipe. What comes out of it comes once."""
    start: int = 0

    def pieces(self) -> Iterator[bytes]:
        """All of it, from where it was when it was given."""
        if isinstance(self.file, Path):
            with self.file.open("rb") as opened:
                yield from _pieces(opened)
            return
        if self.size is not None:
            self.file.seek(self.start)
        yield from _pieces(self.file)


class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """What a request carries: a source, perhaps with something around it."""

    def __init__(
        self,
        source: Source,
        media_type: str = "application/octet-stream",
        *,
        before: bytes = b"",
        after: bytes = b"",
    ) -> None:
        self._source = source
        self._media_type = media_type
        self._before = before
        self._after = after

    @property
    def repeatable(self) -> bool:
        """Whether it can be sent once more."""
        return self._source.size is not None

    @property
    def headers(self) -> dict[str, str]:
        """What a request has to say about it."""
        size = self._source.size
        if size is None:
            return {"Content-Type": self._media_type, "Transfer-Encoding": "chunked"}
        whole = len(self._before) + size + len(self._after)
        return {"Content-Type": self._media_type, "Content-Length": str(whole)}

    def __iter__(self) -> Iterator[bytes]:
        if self._before:
            yield self._before
        yield from self._source.pieces()
        if self._after:
            yield self._after

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = iter(self)
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            yield piece


def source(file: File) -> Source:
    """OSError for a file that cannot be read."""
    if isinstance(file, bytes):
        return Source(io.BytesIO(file), None, len(file))
    if isinstance(file, str | os.PathLike):
        path = Path(file)
        with path.open("rb") as opened:
            return Source(path, path.name, opened.seek(0, os.SEEK_END))
    given = getattr(file, "name", None)
    name = Path(given).name if isinstance(given, str) else None
    if not file.seekable():
        return Source(file, name, None)
    start = file.tell()
    return Source(file, name, file.seek(0, os.SEEK_END) - start, start)


def form(fields: Mapping[str, str], part: str, sent: Source, name: str) -> Body:
    """A form (`multipart/form-data`) with one file, that comes last."""
    line = f"--{uuid4().hex}"
    said = "".join(f"{line}\r\n{_disposition(key)}\r\n\r\n{value}\r\n" for key, value in fields.items())
    head = f'{line}\r\n{_disposition(part)}; filename="{name.translate(_ESCAPED)}"\r\n\r\n'
    return Body(
        sent,
        f"multipart/form-data; boundary={line[2:]}",
        before=(said + head).encode(),
        after=f"\r\n{line}--\r\n".encode(),
    )


def _disposition(part: str) -> str:
    return f'Content-Disposition: form-data; name="{part}"'


def _pieces(opened: BinaryIO) -> Iterator[bytes]:
    while piece := opened.read(_PIECE):
        yield piece
