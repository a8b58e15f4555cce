"""The audit over HTTP, to be read only."""

from litestar import Router, get
from litestar.di import NamedDependency
from msgspec import Raw

from app import cursors
from app.audit import store as audit
from app.audit.model import Action
from app.audit.schemas import Audit, Entry
from app.audit.store import Recorded
from app.cursors import Cursor, Limit
from app.principal import Actor, Principal, Scope, needs
from core.db import Database


@get("/audit", operation_id="listAudit", summary="List who changed what", opt=needs(Scope.ADMIN))
async def listed(
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Audit:
    """Changes to tokens, secrets, settings and whole sets of jobs, newest first."""
    before = cursors.read(cursor)
    async with database.raw() as db:
        found = await audit.page(db, tenant=principal.tenant_id, before=before, limit=limit + 1)
    more = cursors.write(found[limit - 1].id) if len(found) > limit else None
    return Audit([_entry(one) for one in found[:limit]], more)


def _entry(one: Recorded) -> Entry:
    return Entry(
        id=one.id,
        at=one.at,
        actor=Actor(one.actor),
        actor_id=one.actor_id,
        action=Action(one.action),
        subject=one.subject,
        detail=Raw((one.detail or "null").encode()),
        request_id=one.request_id,
    )


def router() -> Router:
    """The audit's route."""
    return Router("/v1", route_handlers=[listed], tags=["audit"])
