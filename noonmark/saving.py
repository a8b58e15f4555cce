"""Files on their way here: in pieces, never whole in memory.

- A file stands under its name only once all of it has arrived as it was sent; until then it is beside it.
- Where the connection breaks off, what is missing is asked for, by range, and only of the same content.
- It breaks off only so many times without getting further.
"""

import hashlib
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from noonmark.calls import Call
from noonmark.errors import ConnectionFailed
from noonmark.retrying import Retrying

MOST_BREAKS = 5


@dataclass(slots=True)
class Download:
    """One file on its way here; the clients feed it."""

    whole: Call[None]
    to: Path
    _part: Path = Path()
    _file: BinaryIO | None = None
    _hash: Any = field(default_factory=hashlib.sha256)
    _etag: str = ""
    _got: int = 0
    _furthest: int = 0
    _broken: httpx.TransportError | None = None
    _breaks: int = 0

    def call(self) -> Call[None]:
        """All of it, or what is missing."""
        if not self._got or not self._etag.startswith('"'):
            return self.whole
        return replace(self.whole, headers=(("Range", f"bytes={self._got}-"), ("If-Range", self._etag)))

    @contextmanager
    def taking(self, answer: httpx.Response) -> Iterator[None]:
        """While an answer is read. That it breaks off is no error yet."""
        if answer.status_code != httpx.codes.PARTIAL_CONTENT:
            self._begin(answer.headers.get("etag", ""))
        elif not answer.headers.get("content-range", "").startswith(f"bytes {self._got}-"):
            raise ConnectionFailed("Other bytes came than were asked for.")
        self._broken = None
        try:
            yield
        except httpx.TransportError as error:
            self._broken = error

    def take(self, piece: bytes) -> None:
        """The next bytes."""
        assert self._file is not None
        self._file.write(piece)
        self._hash.update(piece)
        self._got += len(piece)

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self._broken is None or self._is_sound()

    def pause(self, policy: Retrying) -> float:
        """Seconds until what is missing is asked for. ConnectionFailed if it has broken off too often."""
        error = self._broken
        self._breaks = self._breaks + 1 if self._got <= self._furthest else 1
        self._furthest = max(self._furthest, self._got)
        if policy.budget_seconds <= 0 or self._breaks > MOST_BREAKS:
            said = str(error) or type(error).__name__
            raise ConnectionFailed(f"The connection broke off: {said}") from error
        return policy.wait(self._breaks, None, roll=random.random())

    def end(self) -> Path:
        """All of it came: give it its name. ConnectionFailed if it is not what was sent."""
        assert self._file is not None
        self._file.close()
        if not self._is_sound():
            raise ConnectionFailed("The file did not arrive as it was sent.")
        self._part.replace(self.to)
        return self.to

    def give_up(self) -> None:
        """Leave nothing half."""
        if self._file is not None:
            self._file.close()
            self._part.unlink(missing_ok=True)

    def _begin(self, etag: str) -> None:
        """From the first byte on, beside the place where it is to stand."""
        if self._file is not None:
            self._file.close()
        self._part = self.to.with_name(f".{self.to.name}.{os.getpid()}.part")
        self._file = self._part.open("wb")
        self._hash, self._etag, self._got = hashlib.sha256(), etag, 0

    def _is_sound(self) -> bool:
        return self._etag == f'"{self._hash.hexdigest()}"'
