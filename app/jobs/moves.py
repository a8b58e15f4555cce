"""Changing a job that may be moving at this very moment.

1. Lock the job's own row: one change at a time, and a job that is not this tenant's does not exist.
2. Look for it in `timers`, then `ready`, then `leases`, then `endings`, each with a statement of its own that
   takes what it finds. A job may pass from one to another between two looks, and all CTEs of one statement
   would share one snapshot and miss it everywhere.
3. Found nowhere, it moved behind our back: look again.

A place in a queue is never updated, only deleted and written anew: a claim that had already picked the old
row finds it gone, instead of a new place together with the job as its snapshot knew it.

An edit locks the place it found and looks at it before taking it: what may be changed depends on the attempt
that the job waits for, and what is refused must leave everything as it was.

What comes out is a value, so that the transaction ends before anybody raises it.
"""

from uuid import UUID

import msgspec
from msgspec import UnsetType

from app.errors import Rejected
from app.jobs import store as jobs
from app.jobs.checks import Change
from app.jobs.retargeting import Means
from app.jobs.revising import Kept, Revision, revised
from app.jobs.store import Stored
from app.jobs.withdrawing import CANCELS, FOUND, LOCK, LOOKS
from core.db import Raw
from core.errors import Conflict, Invalid, NotFound, Unavailable
from core.jobs.statements import STEP_SECONDS

Refusal = NotFound | Conflict | Invalid | Rejected | Unavailable

_LOCK_TO_EDIT = """
SELECT target::text, sealed_headers, timeout_seconds, success::text, retry::text, labels::text, fire_at,
       expires_at, now(), (SELECT id FROM queues WHERE tenant_id = $1 AND name = $3 AND deleted_at IS NULL),
       (SELECT name FROM queues WHERE id = queue_id)
FROM jobs WHERE tenant_id = $1 AND id = $2 FOR UPDATE
"""

_ASK = """
WITH held AS MATERIALIZED (
  SELECT replica_id, cancel_requested_at FROM leases WHERE job_id = $1 FOR UPDATE),
asked AS (
  UPDATE leases l SET cancel_requested_at = clock_timestamp() FROM held h
  WHERE l.job_id = $1 AND h.cancel_requested_at IS NULL
  RETURNING l.job_id, l.tenant_id, l.attempt, l.cancel_requested_at AS at),
told AS (
  INSERT INTO events (id, job_id, tenant_id, kind, at, attempt)
  SELECT mint(at, 0), job_id, tenant_id, 'cancelling', at, attempt FROM asked)
SELECT replica_id FROM held
"""

# The attempt that a job waits for keeps its number; without a new fire time it keeps its instant too.
_EDIT = """
WITH gone AS (
  DELETE FROM {place} WHERE job_id = $1
  RETURNING job_id, tenant_id, queue_id, due_at, attempt, losses, priority, needs),
edited AS (
  UPDATE jobs j SET fire_at = coalesce($3, j.fire_at), priority = coalesce($4, j.priority),
    queue_id = coalesce($5, j.queue_id), target = $6::text::jsonb, body = coalesce($7, j.body),
    sealed_headers = $8, timeout_seconds = $9, success = $10::text::jsonb, retry = $11::text::jsonb,
    labels = $12::text::jsonb, expires_at = $13
  FROM gone WHERE j.id = $1),
placed AS MATERIALIZED (
  SELECT job_id, tenant_id, coalesce($5, queue_id) AS queue_id, attempt, losses, needs,
         coalesce($4, priority) AS priority,
         CASE WHEN $3 IS NULL THEN due_at ELSE greatest($3, now()) END AS due_at
  FROM gone),
later AS (
  INSERT INTO timers (job_id, tenant_id, queue_id, due_at, attempt, losses, priority, needs)
  SELECT job_id, tenant_id, queue_id, due_at, attempt, losses, priority, needs
  FROM placed WHERE due_at > now()),
at_once AS (
  INSERT INTO ready (queue_id, rank_at, job_id, tenant_id, due_at, attempt, losses, priority, needs)
  SELECT queue_id, due_at - priority * $2::int * interval '1 second', job_id, tenant_id, due_at, attempt,
         losses, priority, needs
  FROM placed WHERE due_at <= now()),
told AS (
  INSERT INTO events (id, job_id, tenant_id, kind, at, attempt, data)
  SELECT mint(clock_timestamp(), 0), job_id, tenant_id, 'edited', now(), NULL::int2,
         jsonb_strip_nulls(jsonb_build_object(
           'changed', $14::text[], 'fire_at', $3::timestamptz, 'priority', $4::int2))
  FROM placed
  UNION ALL
  SELECT mint(clock_timestamp(), 1), job_id, tenant_id, 'queued', now(), attempt, NULL
  FROM placed WHERE {planned} AND due_at <= now())
SELECT extract(epoch FROM due_at - now())::float8 FROM placed
"""

_EDITS = (
    (FOUND[0], _EDIT.format(place="timers", planned="true")),
    (FOUND[1], _EDIT.format(place="ready", planned="false")),
)
_LEASED = "SELECT due_at > now() AND cancel_requested_at IS NULL FROM leases WHERE job_id = $1"
_ENDED = "SELECT EXISTS (SELECT FROM endings WHERE job_id = $1)"


class Cancelled(msgspec.Struct, frozen=True):
    """A job that is cancelled, or will be by the replica that holds it."""

    job: Stored
    replica: UUID | None


class Edited(msgspec.Struct, frozen=True):
    """A job after its change."""

    job: Stored
    due_in: float
    """Seconds until it is due."""


async def cancel(db: Raw, job: UUID, *, tenant: UUID) -> Cancelled | NotFound | Conflict | Unavailable:
    """End a waiting job, or ask the replica that holds it to."""
    async with db.transaction():
        if await db.fetchrow(LOCK, tenant, job) is None:
            return NotFound()
        for _ in range(LOOKS):
            for statement in CANCELS:
                if await db.fetchval(statement, job):
                    return Cancelled(await _read(db, job, tenant), None)
            replica = await db.fetchval(_ASK, job)
            if replica is not None:
                return Cancelled(await _read(db, job, tenant), replica)
            if await db.fetchval(_ENDED, job):
                return Conflict("job_finished", "The job has ended; there is nothing left to cancel.")
    return Unavailable("The job is moving too fast; try again.")


async def edit(
    db: Raw, job: UUID, change: Change, *, tenant: UUID, means: Means | None = None
) -> Edited | Refusal:
    """Change a waiting job; `means` are needed for a change of its target."""
    async with db.transaction():
        queue = None if isinstance(change.rest.queue, UnsetType) else change.rest.queue
        row = await db.fetchrow(_LOCK_TO_EDIT, tenant, job, queue)
        if row is None:
            return NotFound()
        kept = Kept(*row)
        for _ in range(LOOKS):
            for find, replace in _EDITS:
                attempt = await db.fetchval(find, job)
                if attempt is None:
                    continue
                revision = revised(change, kept, means, attempt=attempt)
                if not isinstance(revision, Revision):
                    return revision
                due_in = await db.fetchval(replace, job, STEP_SECONDS, *msgspec.structs.astuple(revision))
                return Edited(await _read(db, job, tenant), due_in)
            if (ahead := await db.fetchval(_LEASED, job)) is not None:
                return _held(ahead)
            if await db.fetchval(_ENDED, job):
                return Conflict("job_finished", "The job has ended.")
    return Unavailable("The job is moving too fast; try again.")


def _held(ahead: bool) -> Conflict:
    if ahead:
        return Conflict("starting", "The job is about to start.")
    return Conflict("job_not_editable", "The job is running or being cancelled.")


async def _read(db: Raw, job: UUID, tenant: UUID) -> Stored:
    """The job as this transaction left it."""
    found = await jobs.get(db, job, tenant=tenant)
    assert found is not None
    return found
