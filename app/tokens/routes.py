"""API tokens over HTTP. A token is shown once, so its creation takes no idempotency key."""

from datetime import UTC, datetime
from uuid import UUID

from litestar import Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from app import cursors
from app.audit import store as audit
from app.audit.model import Action
from app.cursors import Cursor, Limit
from app.errors import InsufficientScope
from app.principal import Principal, Scope, needs
from app.tokens import service
from app.tokens import store as tokens
from app.tokens.schemas import CreateToken, FreshToken, Tokens
from core.db import Database
from core.errors import Fault, Invalid, NotFound


@post("/tokens", operation_id="createToken", summary="Create an API token", opt=needs(Scope.ADMIN))
async def create(
    data: JSONBody[CreateToken], principal: NamedDependency[Principal], database: NamedDependency[Database]
) -> FreshToken:
    """A credential for a program, with no more scopes than your own. It is shown this once."""
    if not principal.scopes.issuperset(data.scopes):
        raise InsufficientScope("A token cannot have more scopes than the credential that creates it.")
    if data.expires_at is not None and data.expires_at <= datetime.now(UTC):
        raise Invalid([Fault("too_early", "must be in the future", pointer="/expires_at")])
    async with database.raw() as db, db.transaction():
        made = await service.make(
            db, principal.tenant_id, name=data.name, scopes=data.scopes, expires_at=data.expires_at
        )
        detail = {"name": made.name, "prefix": made.prefix, "scopes": made.scopes}
        await audit.record(db, principal, Action.TOKEN_CREATED, str(made.id), detail)
    return made


@get("/tokens", operation_id="listTokens", summary="List API tokens", opt=needs(Scope.ADMIN))
async def listed(
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Tokens:
    """Newest first; of the tokens themselves only how they begin."""
    before = cursors.read(cursor)
    async with database.raw() as db:
        found = await tokens.page(db, tenant=principal.tenant_id, before=before, limit=limit + 1)
    more = cursors.write(found[limit - 1].id) if len(found) > limit else None
    return Tokens([service.shown(one) for one in found[:limit]], more)


@delete(
    "/tokens/{token_id:uuid}",
    operation_id="deleteToken",
    summary="Revoke an API token",
    opt=needs(Scope.ADMIN),
)
async def revoke(
    token_id: FromPath[UUID], principal: NamedDependency[Principal], database: NamedDependency[Database]
) -> None:
    """It is refused from the next request on."""
    async with database.raw() as db, db.transaction():
        known = await tokens.revoke(db, token_id, tenant=principal.tenant_id)
        if known is not None:
            await audit.record(db, principal, Action.TOKEN_REVOKED, str(token_id), known)
    if known is None:
        raise NotFound


def router() -> Router:
    """The routes of API tokens."""
    return Router("/v1", route_handlers=[create, listed, revoke], tags=["API tokens"])
