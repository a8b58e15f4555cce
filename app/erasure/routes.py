"""Erasure over HTTP."""

from uuid import UUID

from litestar import Router, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.audit import store as audit
from app.audit.model import Action
from app.erasure import store as erasure
from app.principal import Principal, Scope, needs
from core.db import Database
from core.errors import Conflict, NotFound


@post(
    "/jobs/{job_id:uuid}/erase",
    operation_id="eraseJob",
    summary="Erase a finished job's payload",
    opt=needs(Scope.ADMIN),
    status_code=204,
)
async def erase(
    job_id: FromPath[UUID], principal: NamedDependency[Principal], database: NamedDependency[Database]
) -> None:
    """Body, headers, the URL's query, captured responses and files, for good. 409 while it is not over."""
    tenant = principal.tenant_id
    async with database.raw() as db, db.transaction():
        over = await erasure.hold(db, job_id, tenant=tenant)
        if over:
            await erasure.blank(db, job_id, tenant=tenant)
            await audit.record(db, principal, Action.JOB_ERASED, str(job_id))
    if over is None:
        raise NotFound
    if not over:
        raise Conflict("job_not_finished", "The job is not over; cancel it first.")


def router() -> Router:
    """The routes of erasure."""
    return Router("/v1", route_handlers=[erase], tags=["jobs"])
