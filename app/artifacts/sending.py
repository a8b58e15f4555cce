"""A file of a job as an answer: whole, or a range of its bytes.

It is always sent as an attachment, never shown as a page of ours, and by its SHA-256 as entity tag.
"""

import re
from collections.abc import AsyncIterator
from typing import Annotated, Any
from urllib.parse import quote

from litestar import Request
from litestar.params import HeaderParameter
from litestar.response import Stream

from app.artifacts import ranges
from app.artifacts.ranges import Span, Unsatisfiable
from app.artifacts.store import File
from app.errors import Rejected
from app.logs.following import impatient
from core import log
from core.artifacts.model import key
from core.errors import StorageAway
from core.storage.service import Storage

ANY = "*/*"
"""What an answer with a file is, to the document."""
_SLOW_SECONDS = 30.0

Range = Annotated[
    str | None, HeaderParameter(name="Range", description="One range of bytes, `bytes=0-1023`.")
]
IfRange = Annotated[
    str | None,
    HeaderParameter(name="If-Range", description="An `ETag`: of any other content, send the whole."),
]

_log = log.get(__name__)


async def sent(
    request: Request[Any, Any, Any], storage: Storage, file: File, header: str | None, condition: str | None
) -> Stream:
    """The file, or the range of its bytes that is asked for. Rejected (416) where it has no such bytes."""
    etag = f'"{(file.sha256 or b"").hex()}"'
    wanted = ranges.wanted(header, condition, size=file.size, etag=etag)
    if isinstance(wanted, Unsatisfiable):
        raise Rejected(
            416, "range_not_satisfiable", f"The file has {file.size} bytes.",
            headers={"Content-Range": f"bytes */{file.size}"},
        )  # fmt: skip
    span = wanted or Span(0, file.size)
    pieces = await storage.get(key(file.tenant_id, file.job_id, file.id), first=span.first, count=span.count)
    if pieces is None:
        _log.error("artifact_missing", artifact_id=str(file.id), job_id=str(file.job_id))
        raise StorageAway("The storage does not have this file any more.")
    headers = {
        # Not as a media type, which the route has one of for its document.
        "Content-Type": file.content_type,
        "Content-Length": str(span.count),
        "Content-Disposition": _disposition(file.name),
        "Accept-Ranges": "bytes",
        "ETag": etag,
    }
    if wanted is not None:
        headers["Content-Range"] = f"bytes {span.first}-{span.first + span.count - 1}/{file.size}"
    return Stream(
        impatient(_generated(pieces), request.scope["state"].get("abort", _nothing), seconds=_SLOW_SECONDS),
        status_code=200 if wanted is None else 206,
        headers=headers,
    )


async def _generated(pieces: AsyncIterator[bytes]) -> Any:
    async for piece in pieces:
        yield piece


def _disposition(name: str) -> str:
    """RFC 6266: the name as it is for who can read it, and something like it for who cannot."""
    plain = re.sub(r'[^ -~]|["\\%]', "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _nothing() -> None:
    """A server that cannot hang up on a caller leaves it to the caller."""
