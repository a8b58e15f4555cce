"""Statements of the demo data: a certain job is taken as by a scheduler, and its story moved back in time.

Meant for the inside of one transaction, in which nobody else sees these jobs.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from app.jobs.store import PLACES, STATE
from core.db import Raw

_QUEUE = """
INSERT INTO queues (id, tenant_id, name, paused) VALUES ($1, $2, $3, true)
ON CONFLICT (tenant_id, name) WHERE deleted_at IS NULL DO NOTHING
"""

_COUNTS = f"""
SELECT state, count(*) FROM (
  SELECT {STATE} AS state FROM jobs j {PLACES}
  WHERE j.tenant_id = $1 AND j.labels @> $2::text::jsonb) seen
GROUP BY state
"""

# One job's timer or ready row becomes a lease, whatever else is due: what planning and claiming do to many.
_TAKE = """
WITH soon AS (
  DELETE FROM timers WHERE job_id = $1
  RETURNING job_id, tenant_id, queue_id, due_at, attempt, losses, priority, needs),
due AS (
  DELETE FROM ready WHERE job_id = $1
  RETURNING job_id, tenant_id, queue_id, due_at, attempt, losses, priority, needs),
gone AS MATERIALIZED (SELECT *, true AS planned FROM soon UNION ALL SELECT *, false FROM due),
taken AS (
  INSERT INTO leases (job_id, tenant_id, queue_id, due_at, attempt, losses, priority, needs, lease_token,
                      replica_id, claimed_at, deadline_at)
  SELECT job_id, tenant_id, queue_id, due_at, attempt, losses, priority, needs, gen_random_uuid(), $2, now(),
         now() + interval '1 minute'
  FROM gone RETURNING attempt, lease_token),
told AS (
  INSERT INTO events (id, job_id, tenant_id, kind, at, attempt)
  SELECT mint(clock_timestamp(), 0), job_id, tenant_id, 'queued', clock_timestamp(), attempt
  FROM gone WHERE planned)
SELECT attempt, lease_token FROM taken
"""

# All of it happened in this instant. Each attempt is moved by two times of its own, one for what began it and
# one for what ended it; everything before the first by $5, everything after the last by $6.
_AGE = """
WITH tries AS MATERIALIZED (
  SELECT number, begun * interval '1 second' AS begun, ended * interval '1 second' AS ended
  FROM unnest($2::int2[], $3::float8[], $4::float8[]) AS t(number, begun, ended)),
tried AS (
  UPDATE attempts a SET started_at = started_at - t.ended, finished_at = finished_at - t.ended
  FROM tries t WHERE a.job_id = $1 AND a.number = t.number),
moved AS MATERIALIZED (
  SELECT v.id, t.ended, CASE v.kind WHEN 'queued' THEN 0 WHEN 'dead_lettered' THEN 3 ELSE 2 END AS ordinal,
         v.at - CASE WHEN v.attempt IS NULL THEN $5::float8 * interval '1 second'
                     WHEN v.kind = 'queued' THEN t.begun ELSE t.ended END AS at
  FROM events v LEFT JOIN tries t ON t.number = v.attempt WHERE v.job_id = $1),
told AS (
  UPDATE events e SET at = m.at, id = stamp(m.at, m.ordinal, m.id),
    data = CASE WHEN data ? 'retry_at'
      THEN jsonb_set(data, '{retry_at}', to_jsonb((data->>'retry_at')::timestamptz - m.ended)) ELSE data END
  FROM moved m WHERE e.job_id = $1 AND e.id = m.id),
asked AS (
  UPDATE jobs SET created_at = created_at - $5::float8 * interval '1 second',
                  fire_at = fire_at - $5::float8 * interval '1 second'
  WHERE id = $1),
waits AS (
  UPDATE timers SET due_at = due_at - $6::float8 * interval '1 second' WHERE job_id = $1),
ended AS (
  UPDATE endings SET finished_at = finished_at - $6::float8 * interval '1 second',
                     cancel_requested_at = cancel_requested_at - $6::float8 * interval '1 second'
  WHERE job_id = $1)
UPDATE dead_letters SET created_at = created_at - $5::float8 * interval '1 second',
                        fire_at = fire_at - $5::float8 * interval '1 second',
                        failed_at = failed_at - $6::float8 * interval '1 second'
WHERE job_id = $1
"""


class Taken(msgspec.Struct, frozen=True):
    """A lease. Field order is the statement's."""

    attempt: int
    lease_token: UUID


async def add_paused_queue(db: Raw, queue: UUID, *, tenant: UUID, name: str) -> None:
    """A queue of this name, unless there is one."""
    await db.execute(_QUEUE, queue, tenant, name)


async def counts(db: Raw, *, tenant: UUID, labels: Mapping[str, str]) -> dict[str, int]:
    """How many jobs with these labels stand in each state."""
    rows = await db.fetch(_COUNTS, tenant, msgspec.json.encode(labels).decode())
    return {row[0]: row[1] for row in rows}


async def take(db: Raw, job: UUID, *, replica: UUID) -> Taken:
    """The lease of a job that waits."""
    row = await db.fetchrow(_TAKE, job, replica)
    assert row is not None
    return Taken(*row)


async def age(
    db: Raw, job: UUID, *, created: float, ended: float, tries: Sequence[tuple[float, float]]
) -> None:
    """Move a job's story back, all in seconds; of each attempt what began it and what ended it."""
    await db.execute(
        _AGE,
        job,
        list(range(1, len(tries) + 1)),
        [begun for begun, _ in tries],
        [over for _, over in tries],
        created,
        ended,
    )
