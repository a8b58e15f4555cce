"""What can be asked about jobs. Each function is a talk; the clients do it (see `noonmark.client`)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Unpack

import msgspec
from msgspec import UNSET

from noonmark import calls
from noonmark.calls import Call, Id, Listing, Talking
from noonmark.errors import Conflict
from noonmark.model import Attempt, Event, Job, Page, State
from noonmark.options import (
    Change,
    Difference,
    Filter,
    NewJob,
    Options,
    Ordering,
    Running,
    changed,
    commanded,
    document,
    edited,
    filtering,
    invoked,
)

_job = msgspec.json.Decoder(Job).decode
_jobs = msgspec.json.Decoder(Page[Job]).decode
_attempts = msgspec.json.Decoder(Page[Attempt]).decode
_events = msgspec.json.Decoder(Page[Event]).decode


def create(url: str, *, idempotency_key: str | None = None, **options: Unpack[Options]) -> Call[Job]:
    """Have a URL called, now or later. Once this returns, the job is committed.

    Without an `idempotency_key` the client makes one up, so that it can repeat a broken call without making a
    second job. Give your own to be safe across restarts of your program too: for 24 hours the same key with
    the same options answers with the same job.
    """
    return calls.making("/v1/jobs", _job, document(url, options), idempotency_key)


def run(
    command: Sequence[str] = (),
    *,
    image: str | None = None,
    idempotency_key: str | None = None,
    **options: Unpack[Running],
) -> Call[Job]:
    """Have a command run: in a container of an image, or without one as a process of a scheduler's host.

    Program and arguments are executed as they are; there is no shell. An image may have a command of its own.
    """
    return calls.making("/v1/jobs", _job, commanded(command, image, options), idempotency_key)


def invoke(
    function: str, params: Any = UNSET, *, idempotency_key: str | None = None, **options: Unpack[Ordering]
) -> Call[Job]:
    """Have a registered function called, `key@version`, with any JSON value."""
    return calls.making("/v1/jobs", _job, invoked(function, params, options), idempotency_key)


def submit(body: Mapping[str, Any], *, idempotency_key: str | None = None) -> Call[Job]:
    """A job as the API takes it, whatever it does."""
    return calls.making("/v1/jobs", _job, body, idempotency_key)


def create_many(jobs: Iterable[NewJob], *, idempotency_key: str | None = None) -> Call[tuple[Job, ...]]:
    """All of these jobs or none; at most 1,000, in the order given."""
    body = {"jobs": [document(job["url"], job) for job in jobs]}
    return calls.making("/v1/jobs:batch", lambda answer: _jobs(answer).items, body, idempotency_key)


def get(job_id: Id) -> Call[Job]:
    """The job as it is now."""
    return calls.get(_path(job_id), _job)


def listed(*, limit: int | None = None, cursor: str | None = None, **which: Unpack[Filter]) -> Listing[Job]:
    """Jobs, newest first, without their bodies. Pages of `limit` are fetched while you iterate."""
    return calls.get("/v1/jobs", _jobs, filtering(which) + calls.paging(limit, cursor))


def cancel(job_id: Id) -> Talking[Job]:
    """End the job: at once while it waits; `cancelling` while it runs. Conflict once it is over."""
    call = replace(calls.post(f"{_path(job_id)}/cancel", _job), safe=True)
    try:
        return (yield from call)
    except Conflict as refused:
        # The try whose answer was lost may have been the one that cancelled it.
        job = (yield from get(job_id)) if refused.repeated else None
        if job is None or job.state is not State.CANCELLED:
            raise
        return job


def edit(job_id: Id, **change: Unpack[Change]) -> Call[Job]:
    """Change a job that still waits; its request only before its first attempt. Conflict if that is past."""
    content = msgspec.json.encode(edited(change))
    return Call("PATCH", _path(job_id), _job, content=content, safe=True)


def replay(job_id: Id, *, idempotency_key: str | None = None, **difference: Unpack[Difference]) -> Call[Job]:
    """A new job with the request of one that is over."""
    return calls.making(f"{_path(job_id)}/replay", _job, changed(difference), idempotency_key)


def attempts(job_id: Id) -> Call[tuple[Attempt, ...]]:
    """All attempts, in order; the last one has no outcome while it is under way."""
    return calls.get(f"{_path(job_id)}/attempts", lambda answer: _attempts(answer).items)


def events(job_id: Id, *, limit: int | None = None, cursor: str | None = None) -> Listing[Event]:
    """What happened to the job, oldest first."""
    return calls.get(f"{_path(job_id)}/events", _events, calls.paging(limit, cursor))


def wait(job_id: Id, *, timeout: float | None = None, every: float = 0.5) -> Talking[Job]:
    """The job once it is over, asked for every so many seconds. TimedOut if it is not within `timeout`."""
    return calls.until_over(get(job_id), f"job {job_id}", timeout=timeout, every=every)


def _path(job_id: Id) -> str:
    return f"/v1/jobs/{calls.identity(job_id)}"
