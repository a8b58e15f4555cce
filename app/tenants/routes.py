"""Tenants over HTTP. A tenant knows no other; the operator makes them, and cannot look into them."""

from uuid import UUID

from litestar import Router, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from app.hints import Hints
from app.principal import OPERATOR, Principal, Scope, needs
from app.request import MergePatchRequest
from app.tenants import service
from app.tenants import store as tenants
from app.tenants.schemas import (
    ChangeTenant,
    CreatedTenant,
    CreateTenant,
    EraseTenant,
    Erasing,
    TenantSettings,
)
from core.db import Database
from core.errors import NotFound
from core.sealing import Keyring


@post("/tenants", operation_id="createTenant", summary="Create a tenant (operator)", opt=OPERATOR)
async def create(
    data: JSONBody[CreateTenant],
    request_id: NamedDependency[str],
    database: NamedDependency[Database],
    keyring: NamedDependency[Keyring],
) -> CreatedTenant:
    """A tenant with a queue, a signing secret and a first API token, shown this once."""
    async with database.raw() as db:
        return await service.create(db, data.name, keyring, request_id=request_id)


@get("/tenants/current", operation_id="getCurrentTenant", summary="Read your tenant")
async def current(
    principal: NamedDependency[Principal], database: NamedDependency[Database]
) -> TenantSettings:
    """Whose credential this is, and what holds for it."""
    return await _read(principal.tenant_id, database)


@get("/tenants/{tenant_id:uuid}", operation_id="getTenant", summary="Read your tenant by its id")
async def read(
    tenant_id: FromPath[UUID], principal: NamedDependency[Principal], database: NamedDependency[Database]
) -> TenantSettings:
    """The same by its id."""
    _own(tenant_id, principal)
    return await _read(tenant_id, database)


@patch(
    "/tenants/{tenant_id:uuid}",
    operation_id="changeTenant",
    summary="Change your tenant's settings",
    opt=needs(Scope.ADMIN),
    request_class=MergePatchRequest,
)
async def change(
    tenant_id: FromPath[UUID],
    data: JSONBody[ChangeTenant],
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    hints: NamedDependency[Hints],
) -> TenantSettings:
    """A merge patch: what is left out stays, null is the default again. It holds from the next request on."""
    _own(tenant_id, principal)
    async with database.raw() as db:
        changed = await service.change(db, data, principal)
    if changed is None:
        raise NotFound
    hints.work(0)
    return changed


@delete(
    "/tenants/{tenant_id:uuid}",
    operation_id="eraseTenant",
    summary="Erase your tenant",
    opt=needs(Scope.ADMIN),
    status_code=202,
)
async def erase(
    tenant_id: FromPath[UUID],
    data: JSONBody[EraseTenant],
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
) -> Erasing:
    """Everything of it, for good. Its credentials die at once, none of its jobs starts again."""
    _own(tenant_id, principal)
    async with database.raw() as db:
        begun = await service.erase(db, principal, confirm=data.confirm)
    if not begun:
        raise NotFound
    return Erasing(tenant_id)


def _own(tenant: UUID, principal: Principal) -> None:
    if tenant != principal.tenant_id:
        raise NotFound


async def _read(tenant: UUID, database: Database) -> TenantSettings:
    async with database.raw() as db:
        stored = await tenants.get(db, tenant)
    if stored is None:
        raise NotFound
    return service.shown(stored)


def router() -> Router:
    """The routes of tenants."""
    return Router("/v1", route_handlers=[create, current, read, change, erase], tags=["tenants"])
