"""Cancelling many jobs, by the rules of `app.jobs.moves`, a chunk at a time.

1. Lock the jobs' own rows in the order of their ids, those that still fit.
2. Look for them in `timers`, `ready`, `leases` and `endings`, each with a statement of its own that takes
   what it finds, until all are found: a job may move between two looks.

A job that started meanwhile is aborted only if running ones were asked for.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from app.jobs import pages
from app.jobs.filters import Filter
from core.db import Raw
from core.jobs.model import State

LIVE = frozenset({State.SCHEDULED, State.QUEUED, State.RUNNING})

_LOOKS = 20
_WAITING = {State.SCHEDULED, State.QUEUED}

_LOCK = """
SELECT j.id FROM jobs j WHERE j.tenant_id = $1 AND j.id = ANY($2::uuid[]) AND {matches}
ORDER BY j.id FOR UPDATE
"""

_CANCEL = """
WITH held AS MATERIALIZED (
  SELECT job_id FROM {place} WHERE job_id = ANY($1::uuid[]) ORDER BY job_id FOR UPDATE),
gone AS (
  DELETE FROM {place} WHERE job_id = ANY(ARRAY(SELECT job_id FROM held))
  RETURNING job_id, tenant_id, attempt, clock_timestamp() AS at),
ended AS (
  INSERT INTO endings (job_id, tenant_id, state, attempts, finished_at, cancel_requested_at)
  SELECT job_id, tenant_id, 'cancelled', attempt - 1, at, at FROM gone),
told AS (
  INSERT INTO events (id, job_id, tenant_id, kind, at)
  SELECT mint(at, 0), job_id, tenant_id, 'cancelled', at FROM gone)
SELECT job_id FROM gone
"""

# A lease that was claimed ahead of its instant belongs to a job that still reads `scheduled`.
_ASK = """
WITH held AS MATERIALIZED (
  SELECT job_id, due_at, cancel_requested_at FROM leases WHERE job_id = ANY($1::uuid[])
  ORDER BY job_id FOR UPDATE),
asked AS (
  UPDATE leases l SET cancel_requested_at = clock_timestamp() FROM held h
  WHERE l.job_id = h.job_id AND h.cancel_requested_at IS NULL
    AND CASE WHEN h.due_at <= now() THEN $2::bool ELSE $3::bool END
  RETURNING l.job_id, l.tenant_id, l.attempt, l.replica_id, l.cancel_requested_at AS at),
told AS (
  INSERT INTO events (id, job_id, tenant_id, kind, at, attempt)
  SELECT mint(at, 0), job_id, tenant_id, 'cancelling', at, attempt FROM asked)
SELECT h.job_id, a.replica_id FROM held h LEFT JOIN asked a USING (job_id)
"""
_ENDED = "SELECT job_id FROM endings WHERE job_id = ANY($1::uuid[])"
_CANCELS = tuple(_CANCEL.format(place=place) for place in ("timers", "ready"))


class Done(msgspec.Struct):
    """What became of the jobs of a chunk."""

    matched: int = 0
    cancelled: int = 0
    cancelling: int = 0
    replicas: set[UUID] = msgspec.field(default_factory=set)
    """Those that hold what is being cancelled."""

    def add(self, other: "Done") -> None:
        """Count another chunk too."""
        self.matched += other.matched
        self.cancelled += other.cancelled
        self.cancelling += other.cancelling


async def cancel(db: Raw, ids: Sequence[UUID], which: Filter, *, tenant: UUID) -> Done:
    """End those that wait, ask for the end of those that run. Meant for the inside of a transaction."""
    lock = _LOCK.format(matches=pages.matches(3))
    rest = {row[0] for row in await db.fetch(lock, tenant, ids, *pages.values(which))}
    done = Done(matched=len(rest))
    for _ in range(_LOOKS):
        if which.states & _WAITING:
            await _end(db, rest, done)
        await _ask(db, rest, which.states, done)
        rest -= {row[0] for row in await db.fetch(_ENDED, list(rest))}
        if not rest or not which.states & _WAITING:
            break
    return done


async def _end(db: Raw, rest: set[UUID], done: Done) -> None:
    for statement in _CANCELS:
        gone = {row[0] for row in await db.fetch(statement, list(rest))}
        done.cancelled += len(gone)
        rest -= gone


async def _ask(db: Raw, rest: set[UUID], states: frozenset[State], done: Done) -> None:
    allowed = (State.RUNNING in states, State.SCHEDULED in states)
    for job, replica in await db.fetch(_ASK, list(rest), *allowed):
        rest.discard(job)
        if replica is not None:
            done.cancelling += 1
            done.replicas.add(replica)
