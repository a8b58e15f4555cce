"""Files of jobs: what can be asked about them, and how they get here and there.

A file that is uploaded is held in memory; one that is downloaded is not, and stands under its name only once
all of it has arrived as it was sent. A link of the server's is followed at the configured address only.
"""

import hashlib
import os
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
import msgspec

from noonmark import calls
from noonmark.calls import Call, Id, Listing, Pause, Query
from noonmark.errors import Conflict, ConnectionFailed
from noonmark.model import Instant, Page


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a job."""

    name: str
    size: int
    """Bytes."""
    sha256: str
    """In hexadecimal."""
    created_at: Instant
    content_type: str = "application/octet-stream"
    attempt: int | None = None
    """Which attempt left it; None: it was uploaded."""

    @property
    def id(self) -> str:
        """What it is asked for by."""
        return self.name


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """What opens one file for whoever has it."""

    url: str
    expires_at: Instant


_artifact = msgspec.json.Decoder(Artifact).decode
_page = msgspec.json.Decoder(Page[Artifact]).decode
_link = msgspec.json.Decoder(Link).decode

Uploading = Generator[Call[Any] | Pause, httpx.Response, Artifact]


def listed(
    job_id: Id, *, attempt: int | None = None, limit: int | None = None, cursor: str | None = None
) -> Listing[Artifact]:
    """The job's files, oldest first; of an `attempt`, or with 0 those that were uploaded."""
    return calls.get(_path(job_id), _page, _attempt(attempt) + calls.paging(limit, cursor))


def delete(job_id: Id, name: str, *, attempt: int | None = None) -> Call[None]:
    """Delete the newest of that name, or that of an attempt."""
    return Call("DELETE", _path(job_id, name), calls.nothing, _attempt(attempt))


def link(
    job_id: Id, name: str, *, expires_in: timedelta = timedelta(minutes=15), attempt: int | None = None
) -> Call[Link]:
    """A link that opens the file for whoever has it."""
    body = {"expires_in_seconds": round(expires_in.total_seconds())}
    made = calls.post(f"{_path(job_id, name)}/link", _link, body)
    return replace(made, query=_attempt(attempt), safe=True)


@dataclass(frozen=True, slots=True)
class Upload:
    """The talk of an upload: ask for a link, put the bytes, confirm."""

    job_id: Id
    name: str
    content: bytes = field(repr=False)
    content_type: str | None = None

    def __iter__(self) -> Uploading:
        asked: dict[str, Any] = {
            "name": self.name,
            "size": len(self.content),
            "sha256": hashlib.sha256(self.content).hexdigest(),
        }
        if self.content_type is not None:
            asked["content_type"] = self.content_type
        granted = yield from calls.post(_path(self.job_id), _link, asked)
        try:
            yield from self._put(granted.url)
        except Conflict as error:
            # A try whose answer was lost.
            if error.code != "already_uploaded":
                raise
        confirming = calls.post(f"{_path(self.job_id, self.name)}/confirm", _artifact)
        return (yield from replace(confirming, safe=True))

    def _put(self, url: str) -> Call[None]:
        place = urlsplit(url)
        return Call(
            "PUT", place.path, calls.nothing, tuple(parse_qsl(place.query)), content=self.content, safe=True,
            private=False, media_type="application/octet-stream",
        )  # fmt: skip


def upload(
    job_id: Id,
    file: str | os.PathLike[str] | bytes,
    *,
    name: str | None = None,
    content_type: str | None = None,
) -> Upload:
    """Give the job a file: one of yours, or these bytes under a `name`."""
    if isinstance(file, bytes):
        if name is None:
            raise ValueError("bytes need a name")
        return Upload(job_id, name, file, content_type)
    path = Path(file)
    return Upload(job_id, name or path.name, path.read_bytes(), content_type)


@dataclass(slots=True)
class Download:
    """One file on its way here; the clients feed it."""

    call: Call[None]
    to: Path
    _part: Path = Path()
    _file: BinaryIO | None = None
    _hash: Any = None

    def begin(self) -> None:
        """Beside the place where it is to stand."""
        self._part = self.to.with_name(f".{self.to.name}.{os.getpid()}.part")
        self._file = self._part.open("wb")
        self._hash = hashlib.sha256()

    def take(self, piece: bytes) -> None:
        """The next bytes."""
        assert self._file is not None
        self._file.write(piece)
        self._hash.update(piece)

    def end(self, etag: str | None) -> Path:
        """All of it came: give it its name. ConnectionFailed if it is not what was sent."""
        assert self._file is not None
        self._file.close()
        if etag != f'"{self._hash.hexdigest()}"':
            raise ConnectionFailed("The file did not arrive as it was sent.")
        self._part.replace(self.to)
        return self.to

    def give_up(self) -> None:
        """Leave nothing half."""
        if self._file is not None:
            self._file.close()
            self._part.unlink(missing_ok=True)


def download(
    job_id: Id, name: str, *, to: str | os.PathLike[str] | None = None, attempt: int | None = None
) -> Download:
    """Save a file of the job: as `to`, or in this folder under its name. Gives the path."""
    path = Path(os.path.basename(name)) if to is None else Path(to)
    return Download(calls.get(_path(job_id, name), calls.nothing, _attempt(attempt)), path)


def _attempt(number: int | None) -> Query:
    return () if number is None else (("attempt", str(number)),)


def _path(job_id: Id, *names: str) -> str:
    segments = "".join(f"/{quote(name, safe='')}" for name in names)
    return f"/v1/jobs/{calls.identity(job_id)}/artifacts{segments}"
