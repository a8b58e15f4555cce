"""What a job's attempts print, over HTTP. Another tenant's job is as unknown as one that never was."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Router, get
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter
from litestar.response import Stream

from app.jobs.store import since
from app.logs import following, positions
from app.logs.following import Streams
from app.logs.schemas import After, Attempt, Limit, Logs, Of
from app.principal import Principal
from core.db import Database
from core.errors import NotFound
from core.logs import model
from core.logs import store as logs
from core.logs.store import Wanted

_EVENTS = "text/event-stream"
_STREAM = (
    "Server-sent events: one for each line, its `id` the position and its `data` a `LogLine`; comments while "
    "nothing is printed; last comes `event: end` with the job's `state`, null if only an attempt is over. "
    "A stream that ends without that was cut off: ask again with `Last-Event-ID`."
)

LastEventId = Annotated[
    str | None,
    HeaderParameter(
        name="Last-Event-ID", description="The `id` of the last event that arrived; counts before `after`."
    ),
]


@get("/jobs/{job_id:uuid}/logs", operation_id="listLogs", summary="Read what a job printed")
async def listed(
    job_id: FromPath[UUID],
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    after: After = None,
    limit: Limit = 100,
    attempt: Attempt = None,
    stream: Of = None,
) -> Logs:
    """Lines of all attempts, oldest first. A job that is not over may print more after the last page."""
    wanted = _wanted(job_id, principal, attempt, stream)
    start = positions.read(after, parameter="after")
    async with database.raw() as db:
        page = await logs.read(db, wanted, after=start, limit=limit)
    if page is None:
        raise NotFound
    lines = [positions.line(line) for line in page.lines]
    return Logs(lines, lines[-1].position if page.more else None)


@get(
    "/jobs/{job_id:uuid}/logs/stream",
    operation_id="followLogs",
    summary="Follow what a job prints",
    media_type=_EVENTS,
    response_description=_STREAM,
)
async def streamed(
    job_id: FromPath[UUID],
    request: Request[Any, Any, Any],
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    streams: NamedDependency[Streams],
    after: After = None,
    attempt: Attempt = None,
    stream: Of = None,
    last_event_id: LastEventId = None,
) -> Stream:
    """What is there at once, then each line as it comes, until nothing more will be printed."""
    wanted = _wanted(job_id, principal, attempt, stream)
    # An empty one is what a client sends that has seen none.
    start = positions.read(last_event_id or None, parameter="Last-Event-ID")
    if not last_event_id:
        start = positions.read(after, parameter="after")
    first = await following.read(database, wanted, after=start)
    if first is None:
        raise NotFound
    seat = streams.take(principal.tenant_id)
    events = following.follow(database, seat, wanted, first, after=start)
    abort = request.scope["state"].get("abort", _nothing)
    return Stream(
        following.impatient(events, abort),
        media_type=_EVENTS,
        headers={"X-Accel-Buffering": "no"},
        # A caller may be gone before the events begin.
        background=BackgroundTask(seat.leave),
    )


def _nothing() -> None:
    """A server that cannot hang up on a caller leaves it to the caller."""


def _wanted(job_id: UUID, principal: Principal, attempt: int | None, stream: model.Stream | None) -> Wanted:
    return Wanted(
        job_id=job_id, tenant_id=principal.tenant_id, since=since(job_id), attempt=attempt, stream=stream
    )


def router() -> Router:
    """The routes of logs."""
    return Router("/v1", route_handlers=[listed, streamed], tags=["jobs"])
