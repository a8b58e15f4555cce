"""Reading jobs: each question is one statement, so that its answer is one instant.

Every statement is scoped by tenant. Where a job stands is read from the tables that are its state, by the
database's clock: a timer that is due and not planned yet reads `queued`, a lease claimed ahead of its instant
still `scheduled`.

History is partitioned by day on its own ids. A job's cannot be older than the job, whose id tells its age, so
older partitions are not looked at.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from app.jobs.idempotency import Key
from core.db import Raw
from core.jobs.model import State

# The ids of jobs come from another clock than those of their history.
SKEW_MS = 24 * 3600 * 1000

# Of a job j that was looked for in all four places.
STATE = """
       CASE WHEN e.job_id IS NOT NULL THEN e.state
            WHEN l.cancel_requested_at IS NOT NULL THEN 'cancelling'
            WHEN l.due_at <= now() THEN 'running'
            WHEN r.job_id IS NOT NULL OR t.due_at <= now() THEN 'queued'
            ELSE 'scheduled' END"""
PLACES = """
LEFT JOIN timers t ON t.job_id = j.id
LEFT JOIN ready r ON r.job_id = j.id
LEFT JOIN leases l ON l.job_id = j.id
LEFT JOIN endings e ON e.job_id = j.id"""

# What a due job of code needs, if no replica that lives and takes work offers it. All make calls.
_WAITING = """(
  SELECT need FROM (SELECT coalesce(r.needs, CASE WHEN t.due_at <= now() THEN t.needs END) AS need) due
  WHERE need <> 0 AND NOT EXISTS (
    SELECT FROM replicas WHERE expires_at > now() AND NOT draining AND need = ANY(offers)))"""

_JOB = f"""
SELECT j.id, {STATE},
       q.name, j.priority, j.target_type, j.target::text, {{body}}, j.timeout_seconds, j.success::text,
       j.retry::text, j.labels::text, j.fire_at, j.expires_at, j.replay_of, j.created_at,
       coalesce(t.due_at, r.due_at, CASE WHEN l.due_at > now() THEN l.due_at END),
       coalesce(e.attempts, t.attempt - 1, r.attempt - 1,
                CASE WHEN l.due_at <= now() THEN l.attempt ELSE l.attempt - 1 END),
       coalesce(first.started_at, CASE WHEN l.due_at <= now() THEN greatest(l.due_at, l.claimed_at) END),
       e.finished_at, coalesce(e.cancel_requested_at, l.cancel_requested_at),
       last.error_code, last.error_message, won.status, won.headers, {{answer}}, won.truncated,
       j.uniqueness::text, {{waiting}}
FROM {{jobs}} JOIN queues q ON q.id = j.queue_id {PLACES}
LEFT JOIN LATERAL (
  SELECT started_at FROM attempts WHERE job_id = {{id}} AND id >= {{since}} ORDER BY id LIMIT 1) first ON true
LEFT JOIN LATERAL (
  SELECT error_code, error_message FROM attempts
  WHERE job_id = {{id}} AND id >= {{since}} AND outcome <> 'succeeded'
  ORDER BY id DESC LIMIT 1) last ON true
LEFT JOIN LATERAL (
  SELECT status, headers, body, truncated FROM attempts
  WHERE job_id = {{id}} AND id >= {{since}} AND outcome = 'succeeded' AND e.state = 'succeeded'
  ORDER BY id DESC LIMIT 1) won ON true
WHERE j.tenant_id = $1 AND {{which}}
"""
_ONE = _JOB.format(
    jobs="jobs j", id="$2", since="$3", which="j.id = $2", body="j.body", answer="won.body", waiting=_WAITING
)
# Bodies are left out, and nobody asks what replicas offer: a page of them could be a hundred megabytes.
_MANY = _JOB.format(
    jobs="unnest($2::uuid[], $3::uuid[]) AS wanted (id, since) JOIN jobs j ON j.id = wanted.id",
    id="wanted.id", since="wanted.since", which="true ORDER BY j.id DESC", body="NULL::bytea",
    answer="NULL::bytea", waiting="NULL::smallint",
)  # fmt: skip

# The open attempt is the lease itself, from its instant on; its request id is what the scheduler will send.
_ATTEMPTS = """
SELECT a.number, a.outcome, a.started_at, a.finished_at, a.duration_ms, a.replica_id, a.request_id,
       a.bytes_sent, a.status, a.headers, a.body, a.truncated, a.error_code, a.error_message, j.target_type
FROM jobs j LEFT JOIN LATERAL (
  SELECT number, outcome, started_at, finished_at, duration_ms, replica_id, request_id, bytes_sent,
         status, headers, body, truncated, error_code, error_message
  FROM attempts WHERE job_id = $2 AND id >= $3
  UNION ALL
  SELECT attempt, NULL, greatest(due_at, claimed_at), NULL, NULL, replica_id, j.request_id || '-' || attempt,
         NULL, NULL, NULL, NULL, NULL, NULL, NULL
  FROM leases WHERE job_id = $2 AND due_at <= now()) a ON true
WHERE j.tenant_id = $1 AND j.id = $2 ORDER BY a.number
"""

_EVENTS = """
SELECT e.id, e.kind, e.at, e.attempt, e.data::text
FROM jobs j LEFT JOIN LATERAL (
  SELECT id, kind, at, attempt, data FROM history
  WHERE job_id = $2 AND id > $3 ORDER BY id LIMIT $4) e ON true
WHERE j.tenant_id = $1 AND j.id = $2 ORDER BY e.id
"""

_KEY = """
SELECT request_hash = $4, job_id FROM idempotency_keys
WHERE tenant_id = $1 AND scope = $2 AND key = $3 AND expires_at > now()
"""


class Stored(msgspec.Struct, frozen=True):
    """A job as the tables have it. Field order is the statement's."""

    id: UUID
    state: State
    queue: str
    priority: int
    target_type: str
    target: str
    """JSON of the target's Struct."""
    body: bytes | None
    """None where it was not asked for."""
    timeout_seconds: int
    success: str
    """JSON."""
    retry: str
    """JSON."""
    labels: str
    """JSON."""
    fire_at: datetime
    expires_at: datetime | None
    replay_of: UUID | None
    created_at: datetime
    next_attempt_at: datetime | None = None
    attempts_made: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    error_code: str | None = None
    error_message: str | None = None
    status: int | None = None
    headers: bytes | None = None
    """JSON."""
    response: bytes | None = None
    truncated: bool | None = None
    uniqueness: str | None = None
    """JSON."""
    waiting_for: int | None = None


class Tried(msgspec.Struct, frozen=True):
    """An attempt as the tables have it. Field order is the statement's."""

    number: int
    outcome: str | None
    started_at: datetime
    finished_at: datetime | None
    duration_ms: float | None
    replica_id: UUID
    request_id: str
    bytes_sent: int | None
    status: int | None
    headers: bytes | None
    """JSON."""
    body: bytes | None
    truncated: bool | None
    error_code: str | None
    error_message: str | None
    target_type: str


class Told(msgspec.Struct, frozen=True):
    """An event as the table has it. Field order is the statement's."""

    id: UUID
    kind: str
    at: datetime
    attempt: int | None
    data: str | None
    """JSON."""


class KeyUse(msgspec.Struct, frozen=True):
    """What an idempotency key was used for."""

    same: bool
    """Whether for the same request."""
    job_id: UUID


async def get(db: Raw, job: UUID, *, tenant: UUID) -> Stored | None:
    """A job of this tenant."""
    row = await db.fetchrow(_ONE, tenant, job, since(job))
    return None if row is None else stored(row)


async def many(db: Raw, ids: Sequence[UUID], *, tenant: UUID) -> list[Stored]:
    """These jobs of this tenant without their bodies, newest first."""
    rows = await db.fetch(_MANY, tenant, ids, [since(job) for job in ids])
    return [stored(row) for row in rows]


async def attempts(db: Raw, job: UUID, *, tenant: UUID) -> list[Tried] | None:
    """All attempts of a job in order, the open one included; None if there is no such job."""
    rows = await db.fetch(_ATTEMPTS, tenant, job, since(job))
    return [Tried(*row) for row in rows if row[0] is not None] if rows else None


async def events(db: Raw, job: UUID, *, tenant: UUID, after: UUID | None, limit: int) -> list[Told] | None:
    """Events of a job in order; None if there is no such job."""
    rows = await db.fetch(_EVENTS, tenant, job, max(since(job), after or since(job)), limit)
    return [Told(*row) for row in rows if row[0] is not None] if rows else None


async def key_use(db: Raw, key: Key, *, tenant: UUID) -> KeyUse | None:
    """The use of a key that still counts."""
    row = await db.fetchrow(_KEY, tenant, key.scope, key.text, key.request_hash)
    return None if row is None else KeyUse(*row)


async def known_queues(db: Raw, names: Iterable[str], *, tenant: UUID) -> set[str]:
    """Those of these names that a queue of this tenant has."""
    rows = await db.fetch(
        "SELECT name FROM queues WHERE tenant_id = $1 AND name = ANY($2) AND deleted_at IS NULL",
        tenant,
        list(names),
    )
    return {row[0] for row in rows}


def stored(row: Any) -> Stored:
    """A row of the statement, as the driver gives it."""
    return Stored(row[0], State(row[1]), *row[2:])


def since(job: UUID) -> UUID:
    """Less than the id of anything in this job's history."""
    return UUID(int=max(0, (job.int >> 80) - SKEW_MS) << 80)
