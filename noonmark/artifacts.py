"""Files of jobs: what can be asked about them, and how they get here and there.

None is held in memory whole (see `noonmark.sending` and `noonmark.saving`). A link that the server makes is
followed at the configured address only.
"""

import hashlib
import os
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec

from noonmark import calls, sending
from noonmark.calls import Call, Id, Listing, Query, Talking
from noonmark.errors import Conflict
from noonmark.model import Instant, Page
from noonmark.saving import Download
from noonmark.sending import Body, File, Source


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
    file: Source = field(repr=False)
    sha256: str
    content_type: str | None = None

    def __iter__(self) -> Talking[Artifact]:
        asked: dict[str, Any] = {"name": self.name, "size": self.file.size, "sha256": self.sha256}
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
            "PUT", place.path, calls.nothing, tuple(parse_qsl(place.query)), body=Body(self.file), safe=True,
            private=False,
        )  # fmt: skip


def upload(
    job_id: Id,
    file: File,
    *,
    name: str | None = None,
    content_type: str | None = None,
) -> Upload:
    """Give the job a file: one of yours, an open one, or these bytes under a `name`.

    It is read twice, for its hash and while it is sent.
    """
    sent = sending.source(file)
    name = name or sent.name
    if name is None:
        raise ValueError("bytes need a name")
    if sent.size is None:
        raise ValueError("a pipe cannot be uploaded: it is read twice")
    digest = hashlib.sha256()
    for piece in sent.pieces():
        digest.update(piece)
    return Upload(job_id, name, sent, digest.hexdigest(), content_type)


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
