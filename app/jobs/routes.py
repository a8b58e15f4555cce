"""Jobs over HTTP. Another tenant's job is as unknown as one that never was."""

from functools import lru_cache
from typing import Any
from uuid import UUID

from litestar import Request, Response, Router, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody

from app import cursors
from app.cursors import Cursor, Limit
from app.hints import Hints
from app.jobs import checks, filters, idempotency, moves, pages, reading, replays
from app.jobs import store as jobs
from app.jobs.creating import (
    NEW,
    NEW_ONES,
    REPEATED,
    REPEATED_ONES,
    Creating,
    CreatingMany,
    IdempotencyKey,
    answered,
    answered_many,
    origin,
)
from app.jobs.filters import Filter
from app.jobs.intake import CreateJobRequest, CreateJobsRequest, EditJobRequest
from app.jobs.moves import Cancelled, Edited
from app.jobs.retargeting import Means
from app.jobs.schemas import (
    Attempts,
    CreatedJobs,
    CreateJob,
    CreateJobs,
    EditJob,
    Events,
    Job,
    JobPage,
    ReplayJob,
)
from app.jobs.service import Jobs
from app.principal import Principal
from core import metrics
from core.db import Database
from core.egress.guard import parse_egress
from core.errors import NotFound
from core.jobs.model import State
from core.sealing import Keyring
from core.settings import Settings

_egress = lru_cache(maxsize=1)(parse_egress)
_MAX_BATCH_BODY = 16 * 1024 * 1024
_ABORTING = "It is in a replica's hands, which aborts it: `cancelling`, then `cancelled`."


@post(
    "/jobs",
    operation_id="createJob",
    summary="Create a job",
    request_class=CreateJobRequest,
    operation_class=Creating,
    response_description=NEW,
    responses={200: REPEATED},
)
async def create(
    data: JSONBody[CreateJob],
    request: Request[Any, Any, Any],
    making: NamedDependency[Jobs],
    idempotency_key: IdempotencyKey = None,
) -> Response[Job]:
    """Have an HTTP request made, now or later. A 2xx answer means that the job is committed."""
    raw = await request.body()
    key = idempotency.key(idempotency_key, scope="POST /v1/jobs", raw=raw)
    return answered(await making.create(data, origin(request), key))


@post(
    "/jobs:batch",
    operation_id="createJobs",
    summary="Create many jobs",
    request_class=CreateJobsRequest,
    request_max_body_size=_MAX_BATCH_BODY,
    operation_class=CreatingMany,
    response_description=NEW_ONES,
    responses={200: REPEATED_ONES},
)
async def create_many(
    data: JSONBody[CreateJobs],
    request: Request[Any, Any, Any],
    making: NamedDependency[Jobs],
    idempotency_key: IdempotencyKey = None,
) -> Response[CreatedJobs]:
    """All of them or none: one that has a fault stores nothing. A 2xx answer means that all are committed."""
    raw = await request.body()
    key = idempotency.key(idempotency_key, scope="POST /v1/jobs:batch", raw=raw)
    return answered_many(await making.create_many(data.jobs, origin(request), key))


@get(
    "/jobs",
    operation_id="listJobs",
    summary="List jobs",
    dependencies={"which": Provide(filters.asked, sync_to_thread=False)},
)
async def listed(
    which: NamedDependency[Filter],
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    cursor: Cursor = None,
    limit: Limit = 20,
) -> JobPage:
    """Jobs that fit a filter, newest first, without their bodies. A page may be short; its cursor goes on."""
    tenant = principal.tenant_id
    of = f"jobs of {tenant}"
    before = cursors.read(cursor, of=of)
    async with database.raw() as db:
        found = await pages.page(db, which, tenant=tenant, before=before, limit=limit)
    more = cursors.write(found.ends_at, of=of) if found.ends_at is not None else None
    return JobPage([reading.job(one) for one in found.items], more)


@get("/jobs/{job_id:uuid}", operation_id="getJob", summary="Read a job")
async def read(
    job_id: FromPath[UUID], principal: NamedDependency[Principal], database: NamedDependency[Database]
) -> Job:
    """Everything that was submitted, and where the job stands."""
    async with database.raw() as db:
        stored = await jobs.get(db, job_id, tenant=principal.tenant_id)
    if stored is None:
        raise NotFound
    return reading.job(stored)


@get("/jobs/{job_id:uuid}/attempts", operation_id="listAttempts", summary="List a job's attempts")
async def attempts(
    job_id: FromPath[UUID], principal: NamedDependency[Principal], database: NamedDependency[Database]
) -> Attempts:
    """All of them on one page, in order; the last one has no outcome while it is under way."""
    async with database.raw() as db:
        tried = await jobs.attempts(db, job_id, tenant=principal.tenant_id)
    if tried is None:
        raise NotFound
    return Attempts([reading.attempt(one) for one in tried])


@get("/jobs/{job_id:uuid}/events", operation_id="listEvents", summary="List what happened to a job")
async def events(
    job_id: FromPath[UUID],
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Events:
    """Its history, oldest first."""
    after = cursors.read(cursor)
    async with database.raw() as db:
        told = await jobs.events(db, job_id, tenant=principal.tenant_id, after=after, limit=limit + 1)
    if told is None:
        raise NotFound
    more = cursors.write(told[limit - 1].id) if len(told) > limit else None
    return Events([reading.event(one) for one in told[:limit]], more)


@patch(
    "/jobs/{job_id:uuid}",
    operation_id="editJob",
    summary="Change a waiting job",
    request_class=EditJobRequest,
)
async def edit(
    job_id: FromPath[UUID],
    data: JSONBody[EditJob],
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    keyring: NamedDependency[Keyring],
    settings: NamedDependency[Settings],
    hints: NamedDependency[Hints],
) -> Job:
    """A merge patch of a job that still waits; of its target, only before the first attempt. Else 409."""
    means = Means(keyring, _egress(settings.egress_allow), principal.tenant_id)
    async with database.raw() as db:
        edited = await moves.edit(db, job_id, checks.change(data), tenant=principal.tenant_id, means=means)
    if not isinstance(edited, Edited):
        raise edited
    hints.work(edited.due_in)
    return reading.job(edited.job)


@post(
    "/jobs/{job_id:uuid}/cancel",
    operation_id="cancelJob",
    summary="Cancel a job",
    status_code=200,
    responses={202: ResponseSpec(Job, description=_ABORTING, generate_examples=False)},
)
async def cancel(
    job_id: FromPath[UUID],
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    hints: NamedDependency[Hints],
) -> Response[Job]:
    """End a job. Waiting, it is cancelled at once; running, its call is aborted; 409 once it is over."""
    async with database.raw() as db:
        cancelled = await moves.cancel(db, job_id, tenant=principal.tenant_id)
    if not isinstance(cancelled, Cancelled):
        raise cancelled
    if cancelled.replica is not None:
        hints.cancel(cancelled.replica)
        return Response(reading.job(cancelled.job), status_code=202)
    metrics.jobs_ended.labels(State.CANCELLED).inc()
    return Response(reading.job(cancelled.job), status_code=200)


@post(
    "/jobs/{job_id:uuid}/replay",
    operation_id="replayJob",
    summary="Replay a finished job",
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
    """Make a new job with the same request, and `replay_of` this one. 409 while the job is not over."""
    raw = await request.body()
    scope = "POST /v1/jobs/{id}/replay"
    key = idempotency.key(idempotency_key, scope=scope, about=str(job_id), raw=raw)
    asker = origin(request)
    async with database.raw() as db:
        placed = await replays.replay(db, job_id, data or ReplayJob(), asker, key)
    return answered(making.finish(placed))


def router() -> Router:
    """The routes of jobs."""
    return Router(
        "/v1",
        route_handlers=[create, create_many, listed, read, attempts, events, edit, cancel, replay],
        tags=["jobs"],
    )
