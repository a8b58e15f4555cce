"""Replays: a new job with the request of one that is over, and lineage back to it.

The request is carried over as it was stored: the same bytes, the secret headers still sealed. An expiry that
would lie before the new fire time is not carried over, or the replay could never be delivered.

What the job was unique by is carried over too, so its twins stand in the way of the replay. The job that is
replayed does not, whatever its window.
"""

from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import UnsetType

from app.jobs import checks, placing
from app.jobs.idempotency import Key
from app.jobs.placing import Fresh, Refusal, Twin
from app.jobs.schemas import ReplayJob, RetryChange
from app.jobs.service import Origin
from app.jobs.store import Stored
from core import ids
from core.db import Raw
from core.errors import Conflict, Invalid, NotFound
from core.jobs.backoff import Retry
from core.jobs.model import NewJob
from core.jobs.targets import needs

_retries = msgspec.json.Decoder(Retry)
_marks = msgspec.json.Decoder(dict[str, object])

_REQUEST = """
SELECT q.name, j.priority, j.target_type, j.target::text, j.body, j.sealed_headers, j.timeout_seconds,
       j.success::text, j.retry::text, j.labels::text, j.expires_at, now(), j.uniqueness::text,
       e.job_id IS NOT NULL
FROM jobs j JOIN queues q ON q.id = j.queue_id LEFT JOIN endings e ON e.job_id = j.id
WHERE j.tenant_id = $1 AND j.id = $2
"""

# Its dead letter, if it left one that nobody replayed yet, is settled by this too.
_TELL = """
WITH letter AS (
  UPDATE dead_letters SET replayed_as = $3 WHERE tenant_id = $1 AND job_id = $2 AND replayed_as IS NULL)
INSERT INTO events (id, job_id, tenant_id, kind, at, data)
VALUES (mint(clock_timestamp(), 0), $2, $1, 'replayed', clock_timestamp(),
        jsonb_build_object('replayed_as', $3::uuid))
"""


class Request(msgspec.Struct, frozen=True):
    """What a job had asked for. Field order is the statements'."""

    queue: str
    priority: int
    target_type: str
    target: str
    """JSON."""
    body: bytes
    sealed_headers: bytes | None
    timeout_seconds: int
    success: str
    """JSON."""
    retry: str
    """JSON."""
    labels: str
    """JSON."""
    expires_at: datetime | None
    now: datetime
    """When it was read, by the database's clock."""
    uniqueness: str | None = None
    """JSON."""


async def replay(
    db: Raw, job: UUID, asked: ReplayJob, origin: Origin, key: Key | None
) -> Fresh | Stored | Twin | Refusal | Conflict:
    """Make a new job of one that is over."""
    async with db.transaction():
        row = await db.fetchrow(_REQUEST, origin.tenant_id, job)
        if row is None:
            return NotFound()
        *request, finished = row
        if not finished:
            return Conflict("job_not_finished", "The job is not over; there is nothing to replay yet.")
        return await again(db, Request(*request), asked, origin, of=job, key=key)


async def again(
    db: Raw, request: Request, asked: ReplayJob, origin: Origin, *, of: UUID, key: Key | None
) -> Fresh | Stored | Twin | Refusal | Conflict:
    """Store the new job and tell the old one's history. Meant for the inside of a transaction."""
    if "erased" in _marks.decode(request.target):
        return Conflict("job_erased", "What the job carried was erased; there is nothing left to replay.")
    new = renewed(request, asked, origin, of=of, key=key)
    if isinstance(new, Invalid):
        return new
    placed = await placing.place(db, new, key)
    if isinstance(placed, Fresh):
        await db.execute(_TELL, origin.tenant_id, of, new.id)
    return placed


def renewed(
    request: Request, asked: ReplayJob, origin: Origin, *, of: UUID, key: Key | None
) -> NewJob | Invalid:
    """The job to store."""
    retry = _changed(_retries.decode(request.retry), asked.retry)
    faults = [
        *checks.times(asked.fire_at, asked.delay_seconds),
        *checks.retry(retry),
        *checks.lane(asked.queue, request.queue),
    ]
    if faults:
        return Invalid(faults)
    fires = checks.fires(asked.fire_at, asked.delay_seconds, now=request.now)
    expires_at = request.expires_at
    return NewJob(
        id=ids.new(),
        tenant_id=origin.tenant_id,
        queue=request.queue if asked.queue is None else asked.queue,
        priority=request.priority if asked.priority is None else checks.priority(asked.priority),
        target_type=request.target_type,
        target=request.target,
        body=request.body,
        sealed_headers=request.sealed_headers,
        timeout_seconds=request.timeout_seconds,
        success=request.success,
        retry=msgspec.json.encode(retry).decode(),
        labels=request.labels,
        fire_at=asked.fire_at,
        delay_seconds=asked.delay_seconds or 0.0,
        expires_at=expires_at if expires_at is not None and expires_at > fires else None,
        replay_of=of,
        request_id=origin.request_id,
        trace=origin.trace,
        scope=key.scope if key is not None else "",
        key=key.text if key is not None else None,
        request_hash=key.request_hash if key is not None else None,
        uniqueness=request.uniqueness,
        needs=needs(request.target_type, request.target),
    )


def _changed(retry: Retry, change: RetryChange | None) -> Retry:
    """The policy with what the replay gives in its place."""
    if change is None:
        return retry
    given = {name: getattr(change, name) for name in RetryChange.__struct_fields__}
    return msgspec.structs.replace(
        retry, **{name: value for name, value in given.items() if not isinstance(value, UnsetType)}
    )
