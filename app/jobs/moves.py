"""Changing a job that may be moving at this very moment.

1. Lock the job's own row: one change at a time, and a job that is not this tenant's does not exist.
2. Look for it in `timers`, then `ready`, then `leases`, then `endings`, each with a statement of its own that
   takes what it finds. A job may pass from one to another between two looks, and all CTEs of one statement
   would share one snapshot and miss it everywhere.
3. Found nowhere, it moved behind our back: look again.

A place in a queue is never updated, only deleted and written anew: a claim that had already picked the old
row finds it gone, instead of a new place together with the job as its snapshot knew it.

What comes out is a value, so that the transaction ends before anybody raises it.
"""

from uuid import UUID

import msgspec

from app.jobs import store as jobs
from app.jobs.checks import Change
from app.jobs.store import Stored
from core.db import Raw
from core.errors import Conflict, Fault, Invalid, NotFound, Unavailable
from core.jobs.statements import STEP_SECONDS

_LOOKS = 20

_LOCK = "SELECT expires_at, now() FROM jobs WHERE tenant_id = $1 AND id = $2 FOR UPDATE"

_CANCEL = """
WITH gone AS (
  DELETE FROM {place} WHERE job_id = $1 RETURNING job_id, tenant_id, attempt, clock_timestamp() AS at),
ended AS (
  INSERT INTO endings (job_id, tenant_id, state, attempts, finished_at, cancel_requested_at)
  SELECT job_id, tenant_id, 'cancelled', attempt - 1, at, at FROM gone),
told AS (
  INSERT INTO events (id, job_id, tenant_id, kind, at)
  SELECT mint(at, 0), job_id, tenant_id, 'cancelled', at FROM gone)
SELECT count(*) FROM gone
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
  RETURNING job_id, tenant_id, queue_id, due_at, attempt, losses, priority),
edited AS (
  UPDATE jobs j SET fire_at = coalesce($2, j.fire_at), priority = coalesce($3, j.priority)
  FROM gone WHERE j.id = $1),
placed AS MATERIALIZED (
  SELECT job_id, tenant_id, queue_id, attempt, losses, coalesce($3, priority) AS priority,
         CASE WHEN $2 IS NULL THEN due_at ELSE greatest($2, now()) END AS due_at
  FROM gone),
later AS (
  INSERT INTO timers (job_id, tenant_id, queue_id, due_at, attempt, losses, priority)
  SELECT job_id, tenant_id, queue_id, due_at, attempt, losses, priority FROM placed WHERE due_at > now()),
at_once AS (
  INSERT INTO ready (queue_id, rank_at, job_id, tenant_id, due_at, attempt, losses, priority)
  SELECT queue_id, due_at - priority * $4::int * interval '1 second', job_id, tenant_id, due_at, attempt,
         losses, priority
  FROM placed WHERE due_at <= now()),
told AS (
  INSERT INTO events (id, job_id, tenant_id, kind, at, attempt, data)
  SELECT mint(clock_timestamp(), 0), job_id, tenant_id, 'edited', now(), NULL::int2,
         jsonb_strip_nulls(jsonb_build_object('fire_at', $2::timestamptz, 'priority', $3::int2))
  FROM placed
  UNION ALL
  SELECT mint(clock_timestamp(), 1), job_id, tenant_id, 'queued', now(), attempt, NULL
  FROM placed WHERE {planned} AND due_at <= now())
SELECT extract(epoch FROM due_at - now())::float8 FROM placed
"""

_CANCELS = tuple(_CANCEL.format(place=place) for place in ("timers", "ready"))
_EDITS = (_EDIT.format(place="timers", planned="true"), _EDIT.format(place="ready", planned="false"))
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
        if await db.fetchrow(_LOCK, tenant, job) is None:
            return NotFound()
        for _ in range(_LOOKS):
            for statement in _CANCELS:
                if await db.fetchval(statement, job):
                    return Cancelled(await _read(db, job, tenant), None)
            replica = await db.fetchval(_ASK, job)
            if replica is not None:
                return Cancelled(await _read(db, job, tenant), replica)
            if await db.fetchval(_ENDED, job):
                return Conflict("job_finished", "The job has ended; there is nothing left to cancel.")
    return Unavailable("The job is moving too fast; try again.")


async def edit(
    db: Raw, job: UUID, change: Change, *, tenant: UUID
) -> Edited | NotFound | Conflict | Invalid | Unavailable:
    """Give a waiting job another fire time or priority."""
    async with db.transaction():
        locked = await db.fetchrow(_LOCK, tenant, job)
        if locked is None:
            return NotFound()
        expires_at, now = locked
        fire_at = change.fires_at(now)
        if fire_at is not None and expires_at is not None and expires_at <= max(fire_at, now):
            return Invalid([Fault("too_late", "must be before the job expires", pointer="/fire_at")])
        for _ in range(_LOOKS):
            for statement in _EDITS:
                due_in = await db.fetchval(statement, job, fire_at, change.priority, STEP_SECONDS)
                if due_in is not None:
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
