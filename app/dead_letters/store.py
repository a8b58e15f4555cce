"""Statements on dead letters. Nothing here needs the job itself: it may be gone."""

from datetime import datetime
from uuid import UUID

import msgspec

from app.jobs.replays import Request
from core.db import Raw

_LAST = UUID(int=2**128 - 1)

_COLUMNS = """
  d.job_id, q.name, d.priority, d.target::text, d.timeout_seconds, d.success::text, d.retry::text,
  d.labels::text, d.fire_at, d.expires_at, d.attempts, d.error_code, d.error_message, d.created_at,
  d.failed_at, d.replayed_as"""

_PAGE = f"""
SELECT {_COLUMNS} FROM dead_letters d JOIN queues q ON q.id = d.queue_id
WHERE d.tenant_id = $1 AND d.job_id < $2 ORDER BY d.job_id DESC LIMIT $3
"""

_ONE = f"""
SELECT {_COLUMNS}, d.body FROM dead_letters d JOIN queues q ON q.id = d.queue_id
WHERE d.tenant_id = $1 AND d.job_id = $2
"""

_LOCK = """
SELECT q.name, d.priority, d.target_type, d.target::text, d.body, d.sealed_headers, d.timeout_seconds,
       d.success::text, d.retry::text, d.labels::text, d.expires_at, now(), d.replayed_as
FROM dead_letters d JOIN queues q ON q.id = d.queue_id
WHERE d.tenant_id = $1 AND d.job_id = $2 FOR UPDATE OF d
"""


class Letter(msgspec.Struct, frozen=True):
    """A dead letter as the table has it. Field order is the statements'."""

    job_id: UUID
    queue: str
    priority: int
    target: str
    """JSON."""
    timeout_seconds: int
    success: str
    """JSON."""
    retry: str
    """JSON."""
    labels: str
    """JSON."""
    fire_at: datetime
    expires_at: datetime | None
    attempts: int
    error_code: str | None
    error_message: str | None
    created_at: datetime
    failed_at: datetime
    replayed_as: UUID | None
    body: bytes | None = None
    """Only of a single one."""


class Held(msgspec.Struct, frozen=True):
    """A dead letter that nobody else can replay until the end of this transaction."""

    request: Request
    replayed_as: UUID | None


async def page(db: Raw, *, tenant: UUID, before: UUID | None, limit: int) -> list[Letter]:
    """Dead letters, newest job first."""
    rows = await db.fetch(_PAGE, tenant, before or _LAST, limit)
    return [Letter(*row) for row in rows]


async def get(db: Raw, job: UUID, *, tenant: UUID) -> Letter | None:
    """One dead letter with its body."""
    row = await db.fetchrow(_ONE, tenant, job)
    return None if row is None else Letter(*row)


async def hold(db: Raw, job: UUID, *, tenant: UUID) -> Held | None:
    """Lock a dead letter and read its request."""
    row = await db.fetchrow(_LOCK, tenant, job)
    return None if row is None else Held(Request(*row[:-1]), row[-1])
