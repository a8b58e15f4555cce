"""Dead letters over HTTP. A dead letter has the id of its job, and outlives it."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody

from app import cursors
from app.cursors import Cursor, Limit
from app.dead_letters import filters, reading, service
from app.dead_letters import store as letters
from app.dead_letters.filters import LetterFilter
from app.dead_letters.schemas import DeadLetter, DeadLetters
from app.jobs import idempotency
from app.jobs.creating import NEW, REPEATED, Creating, IdempotencyKey, answered, origin
from app.jobs.schemas import Job, ReplayJob
from app.jobs.service import Jobs
from app.principal import Principal
from core.db import Database
from core.errors import NotFound


def _operation(_handler: object, _method: object, path: list[Any]) -> str:
    return "retryDeadLetter" if path[-1] == "retry" else "replayDeadLetter"


@get(
    "/dlq",
    operation_id="listDeadLetters",
    summary="List dead letters",
    dependencies={"which": Provide(filters.asked, sync_to_thread=False)},
)
async def listed(
    which: NamedDependency[LetterFilter],
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    cursor: Cursor = None,
    limit: Limit = 50,
) -> DeadLetters:
    """Jobs that failed for good and fit a filter, newest first, without their bodies. A page may be short."""
    tenant = principal.tenant_id
    of = f"dead letters of {tenant}"
    before = cursors.read(cursor, of=of)
    async with database.raw() as db:
        found, ends_at = await letters.page(db, which, tenant=tenant, before=before, limit=limit)
    more = cursors.write(ends_at, of=of) if ends_at is not None else None
    return DeadLetters([reading.letter(one) for one in found], more)


@get("/dlq/{job_id:uuid}", operation_id="getDeadLetter", summary="Read a dead letter")
async def read(
    job_id: FromPath[UUID], principal: NamedDependency[Principal], database: NamedDependency[Database]
) -> DeadLetter:
    """What the job had asked for, and what ended it."""
    async with database.raw() as db:
        found = await letters.get(db, job_id, tenant=principal.tenant_id)
    if found is None:
        raise NotFound
    return reading.letter(found)


@post(
    ["/dlq/{job_id:uuid}/replay", "/dlq/{job_id:uuid}/retry"],
    operation_id=_operation,
    summary="Replay a dead letter",
    operation_class=Creating,
    response_description=NEW,
    responses={200: REPEATED},
)
async def replay(
    job_id: FromPath[UUID],
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    making: NamedDependency[Jobs],
    data: JSONBody[ReplayJob | None] = None,
    idempotency_key: IdempotencyKey = None,
) -> Response[Job]:
    """Make a new job with the same request, once; 409 when that was done. `/retry` is another name for it."""
    raw = await request.body()
    scope = "POST /v1/dlq/{id}/replay"
    key = idempotency.key(idempotency_key, scope=scope, about=str(job_id), raw=raw)
    asker = origin(request)
    async with database.raw() as db:
        placed = await service.replay(db, job_id, data or ReplayJob(), asker, key)
    return answered(making.finish(placed))


def router() -> Router:
    """The routes of dead letters."""
    return Router("/v1", route_handlers=[listed, read, replay], tags=["dead letters"])
