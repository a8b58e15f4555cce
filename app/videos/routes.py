"""Videos over HTTP: sent, watched, downloaded. Another tenant's video is as unknown as one that never was."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath
from litestar.response import Stream

from app.answering import Answer
from app.artifacts.links import UPLOAD_SECONDS
from app.artifacts.sending import ANY, IfRange, Range, sent
from app.jobs import idempotency
from app.jobs.creating import Creating, IdempotencyKey, origin
from app.principal import FORM, Principal
from app.videos import reading
from app.videos.form import boundary
from app.videos.reading import Found
from app.videos.schemas import ENCODE, Video
from app.videos.service import Videos
from core.db import Database
from core.errors import Conflict, NotFound
from core.jobs.lifecycle import FINAL
from core.jobs.videos import LARGEST
from core.settings import Settings
from core.storage.service import Storage

# What a form needs besides the file.
_MOST_BYTES = LARGEST + 64 * 1024
_REPEATED = ResponseSpec(
    Video,
    description="The same request was made before: that video as it is now.",
    generate_examples=False,
)


@post(
    "/videos/encode",
    operation_id="encodeVideo",
    summary="Have a video encoded",
    opt={FORM: ENCODE},
    request_max_body_size=_MOST_BYTES,
    operation_class=Creating,
    response_description="The new video, which waits to be encoded.",
    responses={200: _REPEATED},
    status_code=201,
)
async def encode(
    request: Request[Any, Any, Any],
    principal: NamedDependency[Principal],
    videos: NamedDependency[Videos],
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    idempotency_key: IdempotencyKey = None,
) -> Response[Video]:
    """The form is read, and its file stored, while it arrives. A 2xx answer means that all is kept."""
    media_type, parameters = request.content_type
    separator = boundary(media_type, parameters)
    request.scope["state"]["body_seconds"] = float(UPLOAD_SECONDS)
    came = await videos.receive(
        principal.tenant_id, aiter(request.stream()), separator, announced=_announced(request)
    )
    made = await videos.encode(came, origin(request), idempotency_key)
    found = await _found(database, principal, made.job.id)
    headers = {"Location": f"/v1/videos/{made.job.id}/status"}
    if made.replayed:
        headers[idempotency.REPLAYED] = "true"
    return Answer(_shown(found, settings), 200 if made.replayed else 201, headers)


@get("/videos/{job_id:uuid}/status", operation_id="getVideo", summary="Read where a video stands")
async def status(
    job_id: FromPath[UUID],
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
) -> Video:
    """How far it is, and where to download it once it is encoded."""
    return _shown(await _found(database, principal, job_id), settings)


@get(
    "/videos/{job_id:uuid}/download",
    operation_id="downloadVideo",
    summary="Download an encoded video",
    media_type=ANY,
    response_description="The video, whole.",
)
async def download(
    job_id: FromPath[UUID],
    request: Request[Any, Any, Any],
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    storage: NamedDependency[Storage],
    span: Range = None,
    condition: IfRange = None,
) -> Stream:
    """The file, or one range of its bytes; 409 while there is none."""
    found = await _found(database, principal, job_id)
    if found.output is None:
        raise _nothing_there(found)
    named = msgspec.structs.replace(found.output, name=found.name)
    return await sent(request, storage, named, span, condition)


def _announced(request: Request[Any, Any, Any]) -> int | None:
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdecimal() else None


async def _found(database: Database, principal: Principal, job: UUID) -> Found:
    async with database.raw() as db:
        found = await reading.find(db, job, tenant=principal.tenant_id)
    if found is None:
        raise NotFound
    return found


def _nothing_there(found: Found) -> Conflict | NotFound:
    if found.progress == 100:
        return NotFound("The encoded video is not kept any more.")
    if found.job.state in FINAL:
        return Conflict("video_not_encoded", f"The video was not encoded: its job has {found.job.state}.")
    return Conflict("video_not_encoded", "The video is not encoded yet.")


def _shown(found: Found, settings: Settings) -> Video:
    return reading.shown(found, origin=settings.public_url or "")


def router() -> Router:
    """The routes of videos."""
    return Router("/v1", route_handlers=[encode, status, download], tags=["videos"])
