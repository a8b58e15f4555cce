"""The one route that code may call back, with the credential of its attempt and no other.

It names a job, and that has to be the credential's: any other is as unknown as one that never was.
"""

from collections.abc import Iterator
from uuid import UUID

import msgspec
from litestar import Router, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from app.callbacks import store
from app.callbacks.pace import Pace
from app.callbacks.schemas import Heard, Tell
from app.principal import ATTEMPT
from core.callbacks import Pass
from core.db import Database
from core.errors import Conflict, NotFound, RateLimited
from core.events.model import LARGEST, MOST
from core.jobs.model import Event


@post(
    "/jobs/{job_id:uuid}/callback",
    operation_id="callBack",
    summary="Tell about an attempt, from inside",
    opt=ATTEMPT,
    status_code=200,
    request_max_body_size=LARGEST,
)
async def tell(
    job_id: FromPath[UUID],
    data: JSONBody[Tell],
    speaking: NamedDependency[Pass],
    database: NamedDependency[Database],
    pace: NamedDependency[Pace],
) -> Heard:
    """For the code of an attempt, with its own credential. Each thing that is given joins the history."""
    if job_id != speaking.job_id:
        raise NotFound
    if wait := pace.wait(speaking.lease_token):
        raise RateLimited(wait)
    async with database.raw() as db:
        kept = await store.tell(db, speaking, list(_told(data)))
    if kept is None:
        raise Conflict("attempt_over", "The attempt is over, or somebody else's by now.")
    if not kept.fits:
        raise Conflict("history_full", f"An attempt tells {MOST} things at most; this was not kept.")
    return Heard(cancel_requested=kept.cancelling)


def _told(data: Tell) -> Iterator[tuple[Event, str]]:
    """What is said, each with its JSON."""
    said = {
        Event.PROGRESS: data.progress,
        Event.CUSTOM: data.event,
        Event.LOGGED: None if data.line is None else {"line": data.line},
        Event.CHECKED_IN: None if data.note is None else {"note": data.note},
    }
    for kind, given in said.items():
        if given is not None:
            yield kind, msgspec.json.encode(given).decode()


def router() -> Router:
    """The route of callbacks."""
    return Router("/v1", route_handlers=[tell], tags=["attempts"])
