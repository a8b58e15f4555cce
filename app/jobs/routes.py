"""Jobs over HTTP. Another tenant's job is as unknown as one that never was."""

import re
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, Router, get, post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, HeaderParameter, JSONBody

from app.jobs import idempotency, reading
from app.jobs import store as jobs
from app.jobs.intake import CreateJobRequest
from app.jobs.schemas import CreateJob, Job
from app.jobs.service import Jobs, Made, Origin
from app.principal import Principal
from core.db import Database
from core.errors import NotFound

_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name=idempotency.HEADER,
        description="Makes the request safe to repeat for 24 hours. At most 255 visible ASCII characters.",
    ),
]
LOCATION = ResponseHeader(
    name="Location", description="Where the job can be read.", required=True, documentation_only=True
)
REPEATED = ResponseSpec(
    Job,
    description=f"The same request was made before; its job as it is now. `{idempotency.REPLAYED}: true`.",
    generate_examples=False,
)


@post(
    "/jobs",
    operation_id="createJob",
    summary="Create a job",
    request_class=CreateJobRequest,
    response_headers=[LOCATION],
    responses={200: REPEATED},
)
async def create(
    data: JSONBody[CreateJob],
    request: Request[Any, Any, Any],
    principal: NamedDependency[Principal],
    request_id: NamedDependency[str],
    making: NamedDependency[Jobs],
    idempotency_key: IdempotencyKey = None,
) -> Response[Job]:
    """Have an HTTP request made, now or later. A 2xx answer means that the job is committed."""
    raw = await request.body()
    key = idempotency.key(idempotency_key, scope="POST /v1/jobs", raw=raw)
    return answered(await making.create(data, origin(request, principal, request_id), key))


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


def origin(request: Request[Any, Any, Any], principal: Principal, request_id: str) -> Origin:
    """Who asks; with a valid `traceparent`, every attempt belongs to its trace."""
    trace = _TRACEPARENT.fullmatch(request.headers.get("traceparent", ""))
    return Origin(principal.tenant_id, request_id, trace[1] if trace is not None else None)


def answered(made: Made) -> Response[Job]:
    """201 with the new job, or 200 with the one that the same request made before."""
    headers = {"Location": f"/v1/jobs/{made.job.id}"}
    if made.replayed:
        return Response(made.job, status_code=200, headers=headers | {idempotency.REPLAYED: "true"})
    return Response(made.job, status_code=201, headers=headers)


def router() -> Router:
    """The routes of jobs."""
    return Router("/v1", route_handlers=[create, read], tags=["jobs"])
