"""What routes that make a job have in common: their header, their two answers, and who asks."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from litestar import Request, Response
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIHeader, OpenAPIResponse, OpenAPIType, Operation, Schema
from litestar.params import HeaderParameter

from app import principal
from app.answering import Answer
from app.jobs import idempotency
from app.jobs.schemas import CreatedJobs, Job
from app.jobs.service import Made, MadeMany, Origin
from core.tracing import context

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name=idempotency.HEADER,
        description="Makes the request safe to repeat for 24 hours: visible ASCII, at most 255 characters.",
        schema_extra={"minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    ),
]
NEW = "The new job."
NEW_ONES = "The new jobs."
REPEATED = ResponseSpec(
    Job,
    description="The same request was made before, or a twin stands: that job as it is now.",
    generate_examples=False,
)
REPEATED_ONES = ResponseSpec(
    CreatedJobs,
    description="The same request was made before; its jobs as they are now, but for those that are gone.",
    generate_examples=False,
)

_TEXT = Schema(type=OpenAPIType.STRING)
_LOCATION = OpenAPIHeader(schema=_TEXT, description="Where the job can be read.")
_REPLAYED = OpenAPIHeader(schema=_TEXT, description="`true`: the request was made before.")
_RETURNED = OpenAPIHeader(schema=_TEXT, description="`true`: a twin of the job stands, and is this one.")
RETURNED = "Unique-Returned"


@dataclass
class Creating(Operation):
    """Documents the headers of both ways in which a creating route answers."""

    located: ClassVar[dict[str, OpenAPIHeader]] = {"Location": _LOCATION}

    def __post_init__(self) -> None:
        """Litestar would show one way only, and no type."""
        headers = {
            "201": self.located,
            "200": self.located | {idempotency.REPLAYED: _REPLAYED, RETURNED: _RETURNED},
        }
        for status, response in (self.responses or {}).items():
            if isinstance(response, OpenAPIResponse) and status in headers:
                response.headers = {**headers[status]}


@dataclass
class CreatingMany(Creating):
    """The same for many at once, which are in no single place."""

    located: ClassVar[dict[str, OpenAPIHeader]] = {}


def origin(request: Request[Any, Any, Any]) -> Origin:
    """Who asks. Every attempt belongs to the trace of our own span, or else of the caller's `traceparent`."""
    asker = principal.asking(request.scope)
    return Origin(asker.tenant_id, asker.request_id, _trace(request))


def _trace(request: Request[Any, Any, Any]) -> str | None:
    ours: str | None = request.scope["state"].get("trace")
    if ours is not None:
        return ours
    theirs = context.parse(request.headers.get("traceparent"))
    return context.write(theirs) if theirs is not None else None


def answered_many(made: MadeMany) -> Response[CreatedJobs]:
    """201 with the new jobs, or 200 with those that the same request made before, or if no job is new."""
    headers = {idempotency.REPLAYED: "true"} if made.replayed else {}
    if made.returned:
        headers |= {RETURNED: "true"}
    old = made.replayed or len(made.returned) == len(made.jobs)
    created = CreatedJobs(made.jobs, list(made.returned))
    return Answer(created, 200 if old else 201, headers)


def answered(made: Made) -> Response[Job]:
    """201 with the new job, or 200 with the one that the same request made before, or with its twin."""
    headers = {"Location": f"/v1/jobs/{made.job.id}"}
    if made.replayed:
        return Answer(made.job, 200, headers | {idempotency.REPLAYED: "true"})
    if made.returned:
        return Answer(made.job, 200, headers | {RETURNED: "true"})
    return Answer(made.job, 201, headers)
