"""Queues. A queue's name says as well which one is meant as its id does."""

from collections.abc import Generator, Mapping
from typing import Any, TypedDict, Unpack
from urllib.parse import quote
from uuid import UUID

import httpx
import msgspec

from noonmark import calls
from noonmark.calls import Call, Listing, Pause
from noonmark.errors import NotFound
from noonmark.model import Page, Queue, Rate, Retry

_queue = msgspec.json.Decoder(Queue).decode
_queues = msgspec.json.Decoder(Page[Queue]).decode


class Settings(TypedDict, total=False):
    """What holds for a queue; None takes it away."""

    max_concurrency: int | None
    """Jobs in flight at once."""
    rate: Rate | Mapping[str, Any] | None
    """Starts in a period."""
    retry: Retry | Mapping[str, Any] | None
    """For jobs that give none."""
    timeout_seconds: int | None
    """For jobs that give none."""
    paused: bool


class Change(Settings, total=False):
    """What can be changed of a queue; what is left out stays, inside of a mapping too."""

    name: str


def create(name: str, **settings: Unpack[Settings]) -> Call[Queue]:
    """A new queue. Not repeated when its answer is lost: look with `get` then."""
    return calls.post("/v1/queues", _queue, {"name": name, **settings})


def listed(*, limit: int | None = None, cursor: str | None = None) -> Listing[Queue]:
    """All of them, oldest first."""
    return calls.get("/v1/queues", _queues, calls.paging(limit, cursor))


def get(queue: UUID | str) -> Call[Queue]:
    """A queue as it is now."""
    return calls.get(_path(queue), _queue)


def edit(queue: UUID | str, **change: Unpack[Change]) -> Call[Queue]:
    """Change a queue. Limits hold from the next claim on, defaults for new jobs."""
    return Call("PATCH", _path(queue), _queue, content=msgspec.json.encode(change), safe="name" not in change)


def pause(queue: UUID | str) -> Call[Queue]:
    """Have nothing of it started any more, within a second."""
    return Call("POST", f"{_path(queue)}/pause", _queue, safe=True)


def resume(queue: UUID | str) -> Call[Queue]:
    """Have what is due started."""
    return Call("POST", f"{_path(queue)}/resume", _queue, safe=True)


def delete(queue: UUID | str) -> Generator[Call[Any] | Pause, httpx.Response, None]:
    """Delete it: Conflict while a job waits or runs in it."""
    try:
        yield from Call("DELETE", _path(queue), calls.nothing, safe=True)
    except NotFound as refused:
        # The try whose answer was lost may have been the one that deleted it.
        if not refused.repeated:
            raise


def _path(queue: UUID | str) -> str:
    return f"/v1/queues/{quote(str(queue), safe='')}"
