"""Definitions over HTTP. In a path `key@version` is as good as an id, and a key is its newest version."""

from functools import lru_cache
from typing import Annotated, Any

from litestar import Request, Response, Router, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter

from app import cursors
from app.cursors import Cursor, Limit
from app.definitions import reading, service
from app.definitions.intake import CreateDefinitionRequest, EditDefinitionRequest
from app.definitions.schemas import (
    CreateDefinition,
    Definition,
    Definitions,
    EditDefinition,
    RunDefinition,
)
from app.hints import Hints
from app.jobs import idempotency
from app.jobs.creating import NEW, REPEATED, Creating, IdempotencyKey, answered, origin
from app.jobs.retargeting import Means
from app.jobs.schemas import CreateJob, Job
from app.jobs.service import Jobs
from app.principal import Principal, Scope, needs
from core.db import Database
from core.definitions import store as definitions
from core.definitions.model import Definition as Stored
from core.egress.guard import parse_egress
from core.errors import NoonmarkError, NotFound
from core.sealing import Keyring
from core.settings import Settings

_egress = lru_cache(maxsize=1)(parse_egress)
_Named = Annotated[
    str, PathParameter(description="A definition's id, its `key@version`, or its key for the newest version.")
]


@post(
    "/definitions",
    operation_id="createDefinition",
    summary="Create a definition",
    opt=needs(Scope.WRITE),
    request_class=CreateDefinitionRequest,
)
async def create(
    data: JSONBody[CreateDefinition],
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    keyring: NamedDependency[Keyring],
    settings: NamedDependency[Settings],
) -> Response[Definition]:
    """A template of jobs under a key and a version of your own."""
    means = Means(keyring, _egress(settings.egress_allow), principal.tenant_id)
    async with database.raw() as db:
        made = await service.create(db, data, principal, means)
    shown = _shown(made)
    return Response(shown, status_code=201, headers={"Location": f"/v1/definitions/{shown.name}"})


@get("/definitions", operation_id="listDefinitions", summary="List definitions")
async def listed(
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Definitions:
    """Yours, and those of registered functions, which are everybody's; oldest first."""
    tenant = principal.tenant_id
    of = f"definitions {tenant}"
    after = cursors.read(cursor, of=of)
    async with database.raw() as db:
        found = await definitions.page(db, tenant=tenant, after=after, limit=limit + 1)
    more = cursors.write(found[limit - 1].id, of=of) if len(found) > limit else None
    return Definitions([reading.definition(one) for one in found[:limit]], more)


@get("/definitions/{definition:str}", operation_id="getDefinition", summary="Read a definition")
async def read(
    definition: _Named, principal: NamedDependency[Principal], database: NamedDependency[Database]
) -> Definition:
    """As it is now; jobs that stand may have been made by what it was before."""
    async with database.raw() as db:
        found = await service.find(db, definition, tenant=principal.tenant_id)
    return _shown(found if found is not None else NotFound())


@patch(
    "/definitions/{definition:str}",
    operation_id="editDefinition",
    summary="Change a definition",
    opt=needs(Scope.WRITE),
    request_class=EditDefinitionRequest,
)
async def edit(
    definition: _Named,
    data: JSONBody[EditDefinition],
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    keyring: NamedDependency[Keyring],
    settings: NamedDependency[Settings],
    hints: NamedDependency[Hints],
) -> Definition:
    """A merge patch. It changes no job that stands; a limit holds for all of them from the next claim on."""
    means = Means(keyring, _egress(settings.egress_allow), principal.tenant_id)
    async with database.raw() as db:
        changed = await service.change(db, definition, data, principal, means)
    shown = _shown(changed)
    hints.work(0)
    return shown


@delete(
    "/definitions/{definition:str}",
    operation_id="deleteDefinition",
    summary="Delete a definition",
    opt=needs(Scope.WRITE),
)
async def remove(
    definition: _Named, principal: NamedDependency[Principal], database: NamedDependency[Database]
) -> None:
    """No more jobs are made by it. Those that stand go on, within its limit."""
    async with database.raw() as db:
        refusal = await service.delete(db, definition, principal)
    if refusal is not None:
        raise refusal


@post(
    "/definitions/{definition:str}/run",
    operation_id="runDefinition",
    summary="Make a job by a definition",
    operation_class=Creating,
    response_description=NEW,
    responses={200: REPEATED},
)
async def run(
    definition: _Named,
    request: Request[Any, Any, Any],
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    making: NamedDependency[Jobs],
    data: JSONBody[RunDefinition | None] = None,
    idempotency_key: IdempotencyKey = None,
) -> Response[Job]:
    """A job as the definition says, but for what is given here. An empty body will do."""
    scope = "POST /v1/definitions/{definition}/run"
    key = idempotency.key(idempotency_key, scope=scope, about=definition, raw=await request.body())
    async with database.raw() as db:
        found = await service.find(db, definition, tenant=principal.tenant_id)
    if found is None:
        raise NotFound
    return answered(await making.create(_job(data or RunDefinition(), found), origin(request), key))


def _job(asked: RunDefinition, definition: Stored) -> CreateJob:
    given = {name: getattr(asked, name) for name in RunDefinition.__struct_fields__}
    return CreateJob(definition=definition.name, **given)


def _shown(result: Stored | NoonmarkError) -> Definition:
    if isinstance(result, NoonmarkError):
        raise result
    return reading.definition(result)


def router() -> Router:
    """The routes of definitions."""
    return Router("/v1", route_handlers=[create, listed, read, edit, remove, run], tags=["definitions"])
