"""Files of jobs over HTTP. Another tenant's job is as unknown as one that never was."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Router, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.response import Stream

from app import cursors
from app.artifacts import store
from app.artifacts.links import UPLOAD_SECONDS, Links, Purpose
from app.artifacts.schemas import (
    AnyAttempt,
    Artifact,
    Artifacts,
    Attempt,
    AuthorizeUpload,
    Link,
    MakeLink,
    Upload,
)  # fmt: skip
from app.artifacts.sending import ANY, IfRange, Range, sent
from app.artifacts.service import Uploads
from app.artifacts.store import File
from app.cursors import Cursor, Limit
from app.errors import Rejected
from app.principal import BYTES, SIGNED, Principal, Scope, needs
from core.db import Database
from core.errors import NotFound
from core.storage.service import Storage

_Expires = Annotated[int, QueryParameter(description="As the link has it.", ge=0, le=2**40)]
_Signature = Annotated[str, QueryParameter(description="As the link has it.", max_length=64)]


@get("/jobs/{job_id:uuid}/artifacts", operation_id="listArtifacts", summary="List a job's files")
async def listed(
    job_id: FromPath[UUID],
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    cursor: Cursor = None,
    limit: Limit = 50,
    attempt: AnyAttempt = None,
) -> Artifacts:
    """What its attempts left in their output folders, and what was uploaded; oldest first."""
    after = cursors.read(cursor, of="artifacts")
    async with database.raw() as db:
        found = await store.page(
            db, principal.tenant_id, job_id, after=after, attempt=attempt, limit=limit + 1
        )
    if found is None:
        raise NotFound
    more = cursors.write(found[limit - 1].id, of="artifacts") if len(found) > limit else None
    return Artifacts([_shown(one) for one in found[:limit]], more)


@post(
    "/jobs/{job_id:uuid}/artifacts",
    operation_id="authorizeUpload",
    summary="Ask to upload a file",
    status_code=201,
)
async def authorize(
    job_id: FromPath[UUID],
    data: JSONBody[AuthorizeUpload],
    principal: NamedDependency[Principal],
    uploads: NamedDependency[Uploads],
    links: NamedDependency[Links],
) -> Upload:
    """A link to put its bytes to. Once that is done and confirmed, within the hour, it is the job's file."""
    upload, expires = await uploads.authorize(principal.tenant_id, job_id, data)
    return Upload(
        name=upload.name,
        size=upload.size,
        url=links.make(Purpose.UPLOAD, upload.id, expires=expires),
        expires_at=datetime.fromtimestamp(expires, UTC),
    )


@get(
    "/jobs/{job_id:uuid}/artifacts/{name:str}",
    operation_id="downloadArtifact",
    summary="Download a file of a job",
    media_type=ANY,
    response_description="The file, whole.",
)
async def download(
    job_id: FromPath[UUID],
    name: FromPath[str],
    request: Request[Any, Any, Any],
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    storage: NamedDependency[Storage],
    attempt: Attempt = None,
    span: Range = None,
    condition: IfRange = None,
) -> Stream:
    """The file, or one range of its bytes."""
    file = await _found(database, principal, job_id, name, attempt)
    return await sent(request, storage, file, span, condition)


@delete(
    "/jobs/{job_id:uuid}/artifacts/{name:str}",
    operation_id="deleteArtifact",
    summary="Delete a file of a job",
    status_code=204,
)
async def remove(
    job_id: FromPath[UUID],
    name: FromPath[str],
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    attempt: Attempt = None,
) -> None:
    """It is seen no more at once, and gone from the storage soon after."""
    async with database.raw() as db:
        if not await store.delete(db, principal.tenant_id, job_id, name, attempt):
            raise NotFound


@post(
    "/jobs/{job_id:uuid}/artifacts/{name:str}/confirm",
    operation_id="confirmUpload",
    summary="Confirm an upload",
    status_code=200,
)
async def confirm(
    job_id: FromPath[UUID],
    name: FromPath[str],
    principal: NamedDependency[Principal],
    uploads: NamedDependency[Uploads],
) -> Artifact:
    """From now on it is a file of the job. A second time changes nothing."""
    return _shown(await uploads.confirm(principal.tenant_id, job_id, name))


@post(
    "/jobs/{job_id:uuid}/artifacts/{name:str}/link",
    operation_id="linkArtifact",
    summary="Make a link to a file of a job",
    status_code=200,
    opt=needs(Scope.READ),
)
async def link(
    job_id: FromPath[UUID],
    name: FromPath[str],
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    links: NamedDependency[Links],
    data: JSONBody[MakeLink | None] = None,
    attempt: Attempt = None,
) -> Link:
    """Whoever has it may download this file, without a credential, until it expires."""
    file = await _found(database, principal, job_id, name, attempt)
    async with database.raw() as db:
        expires = await store.instant(db, (data or MakeLink()).expires_in_seconds)
    url = links.make(Purpose.DOWNLOAD, file.id, expires=expires)
    return Link(url=url, expires_at=datetime.fromtimestamp(expires, UTC))


@put(
    "/artifacts/{artifact_id:uuid}/content",
    operation_id="putUpload",
    summary="Upload a file by its link",
    status_code=204,
    opt=SIGNED | BYTES,
    request_max_body_size=None,
)
async def upload(
    artifact_id: FromPath[UUID],
    request: Request[Any, Any, Any],
    uploads: NamedDependency[Uploads],
    links: NamedDependency[Links],
    expires: _Expires,
    signature: _Signature,
) -> None:
    """The bytes as they are, exactly as many as were announced. They are stored whole or not at all."""
    _require_ours(links, Purpose.UPLOAD, artifact_id, expires, signature)
    request.scope["state"]["body_seconds"] = float(UPLOAD_SECONDS)
    length = request.headers.get("content-length", "")
    announced = int(length) if length.isascii() and length.isdecimal() else None
    await uploads.put(artifact_id, aiter(request.stream()), announced=announced, expires=expires)


@get(
    "/artifacts/{artifact_id:uuid}/content",
    operation_id="downloadByLink",
    summary="Download a file by its link",
    media_type=ANY,
    response_description="The file, whole.",
    opt=SIGNED,
)
async def linked(
    artifact_id: FromPath[UUID],
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    storage: NamedDependency[Storage],
    links: NamedDependency[Links],
    expires: _Expires,
    signature: _Signature,
    span: Range = None,
    condition: IfRange = None,
) -> Stream:
    """The file, or one range of its bytes."""
    _require_ours(links, Purpose.DOWNLOAD, artifact_id, expires, signature)
    async with database.raw() as db:
        found = await store.linked(db, artifact_id, expires=expires)
    if found is None:
        raise NotFound
    holds, file = found
    if not holds:
        raise Rejected(403, "link_expired", "The link has expired; ask for another one.")
    return await sent(request, storage, file, span, condition)


def _require_ours(links: Links, purpose: Purpose, artifact: UUID, expires: int, signature: str) -> None:
    if not links.is_ours(purpose, artifact, expires, signature):
        raise Rejected(403, "link_invalid", "The link was changed, or is for something else.")


async def _found(database: Database, principal: Principal, job: UUID, name: str, attempt: int | None) -> File:
    async with database.raw() as db:
        file = await store.one(db, principal.tenant_id, job, name, attempt)
    if file is None:
        raise NotFound
    return file


def _shown(file: File) -> Artifact:
    return Artifact(
        name=file.name,
        attempt=file.attempt or None,
        size=file.size,
        sha256=(file.sha256 or b"").hex(),
        content_type=file.content_type,
        created_at=file.created_at,
    )


def router() -> Router:
    """The routes of files."""
    handlers = [listed, authorize, download, remove, confirm, link, upload, linked]
    return Router("/v1", route_handlers=handlers, tags=["artifacts"])
