"""Jobs to measure with: 100 bytes of JSON, or as much as is asked for, stored as the API stores them."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from uuid import UUID

import msgspec

from core import ids
from core.db import Raw
from core.jobs import store as jobs
from core.jobs.backoff import Retry
from core.jobs.model import BodyKind, HttpTarget, NewJob
from core.jobs.success import Success

BATCH = 500
BODY_BYTES = 100

_SUCCESS = msgspec.json.encode(Success()).decode()
PUNCTUAL_RETRY = Retry(max_attempts=3, base_seconds=4.0, jitter=0.0)
"""Without jitter, and long enough for all first attempts to end before the first second one."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a set of jobs has in common."""

    tenants: Sequence[UUID]
    """In turn, one a job; each has a default queue."""
    url: str
    body_bytes: int = BODY_BYTES
    retry: Retry = Retry()


def body(size: int) -> bytes:
    """A JSON object of so many bytes."""
    return b'{"invoice":1042,"note":"' + b"x" * (size - 26) + b'"}'


def due_now(order: Order, count: int) -> Iterator[NewJob]:
    """Jobs without a fire time."""
    return _made(order, [None] * count)


def due_at(order: Order, instants: Sequence[float]) -> Iterator[NewJob]:
    """A job for each instant, epoch seconds."""
    return _made(order, [datetime.fromtimestamp(at, UTC) for at in instants])


async def store(db: Raw, work: Iterator[NewJob]) -> list[UUID]:
    """Create them all, batch by batch; their ids in order."""
    made: list[UUID] = []
    while batch := list(islice(work, BATCH)):
        await jobs.create(db, batch)
        made += [job.id for job in batch]
    return made


def _made(order: Order, instants: Sequence[datetime | None]) -> Iterator[NewJob]:
    target = msgspec.json.encode(HttpTarget(url=order.url, body_kind=BodyKind.JSON)).decode()
    retry, content = msgspec.json.encode(order.retry).decode(), body(order.body_bytes)
    for index, fire_at in enumerate(instants):
        yield NewJob(
            id=ids.new(),
            tenant_id=order.tenants[index % len(order.tenants)],
            queue="default",
            priority=50,
            target_type="http",
            target=target,
            body=content,
            sealed_headers=None,
            timeout_seconds=30,
            success=_SUCCESS,
            retry=retry,
            labels="{}",
            fire_at=fire_at,
            delay_seconds=0.0,
            expires_at=None,
            replay_of=None,
            request_id="benchmark",
            trace=None,
        )
