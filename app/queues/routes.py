"""Queues over HTTP. In a path a queue's name is as good as its id."""

from typing import Annotated

from litestar import Response, Router, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter

from app import cursors
from app.cursors import Cursor, Limit
from app.hints import Hints
from app.principal import Principal, Scope, needs
from app.queues import service
from app.queues import store as queues
from app.queues.schemas import CreateQueue, EditQueue, Queue, Queues
from app.queues.store import Stored
from app.request import MergePatchRequest
from core.db import Database
from core.errors import NoonmarkError, NotFound

_Named = Annotated[str, PathParameter(description="A queue's id or its name.")]


@post("/queues", operation_id="createQueue", summary="Create a queue", opt=needs(Scope.WRITE))
async def create(
    data: JSONBody[CreateQueue], principal: NamedDependency[Principal], database: NamedDependency[Database]
) -> Response[Queue]:
    """A lane of its own for some of your jobs. Its name is what jobs say in `queue`."""
    async with database.raw() as db:
        made = await service.create(db, data, principal)
    shown = _shown(made)
    return Response(shown, status_code=201, headers={"Location": f"/v1/queues/{shown.id}"})


@get("/queues", operation_id="listQueues", summary="List queues")
async def listed(
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Queues:
    """Oldest first; `default` is the first."""
    tenant = principal.tenant_id
    of = f"queues {tenant}"
    after = cursors.read(cursor, of=of)
    async with database.raw() as db:
        found = await queues.page(db, tenant=tenant, after=after, limit=limit + 1)
    more = cursors.write(found[limit - 1].id, of=of) if len(found) > limit else None
    return Queues([service.shown(one) for one in found[:limit]], more)


@get("/queues/{queue:str}", operation_id="getQueue", summary="Read a queue")
async def read(
    queue: _Named, principal: NamedDependency[Principal], database: NamedDependency[Database]
) -> Queue:
    """By its id or its name."""
    async with database.raw() as db:
        found = await service.find(db, queue, tenant=principal.tenant_id)
    return _shown(found if found is not None else NotFound())


@patch(
    "/queues/{queue:str}",
    operation_id="editQueue",
    summary="Change a queue",
    opt=needs(Scope.WRITE),
    request_class=MergePatchRequest,
)
async def edit(
    queue: _Named,
    data: JSONBody[EditQueue],
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    hints: NamedDependency[Hints],
) -> Queue:
    """A merge patch. Limits and the switch hold from the next claim on, defaults for new jobs."""
    async with database.raw() as db:
        changed = await service.change(db, queue, data, principal)
    shown = _shown(changed)
    hints.work(0)
    return shown


@post(
    "/queues/{queue:str}/pause",
    operation_id="pauseQueue",
    summary="Pause a queue",
    opt=needs(Scope.WRITE),
    status_code=200,
)
async def pause(
    queue: _Named, principal: NamedDependency[Principal], database: NamedDependency[Database]
) -> Queue:
    """Nothing of it starts any more, within a second, what is due already included. What runs goes on."""
    async with database.raw() as db:
        return _shown(await service.pause(db, queue, principal, paused=True))


@post(
    "/queues/{queue:str}/resume",
    operation_id="resumeQueue",
    summary="Resume a queue",
    opt=needs(Scope.WRITE),
    status_code=200,
)
async def resume(
    queue: _Named,
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    hints: NamedDependency[Hints],
) -> Queue:
    """What is due starts at once."""
    async with database.raw() as db:
        resumed = await service.pause(db, queue, principal, paused=False)
    shown = _shown(resumed)
    hints.work(0)
    return shown


@delete("/queues/{queue:str}", operation_id="deleteQueue", summary="Delete a queue", opt=needs(Scope.WRITE))
async def remove(
    queue: _Named, principal: NamedDependency[Principal], database: NamedDependency[Database]
) -> None:
    """Only while nothing waits or runs in it. The jobs that ended in it stay, and its name is free again."""
    async with database.raw() as db:
        refusal = await service.delete(db, queue, principal)
    if refusal is not None:
        raise refusal


def _shown(result: Stored | NoonmarkError) -> Queue:
    if isinstance(result, NoonmarkError):
        raise result
    return service.shown(result)


def router() -> Router:
    """The routes of queues."""
    return Router("/v1", route_handlers=[create, listed, read, edit, pause, resume, remove], tags=["queues"])
