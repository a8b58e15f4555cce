"""Statements on dead letters. Nothing here needs the job itself: it may be gone.

A list looks at no more than `LOOKS` of the tenant's letters, from the newest down by their index, and may be
short: a filter may fit few of very many.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from app.dead_letters.filters import LetterFilter
from app.jobs import pages
from app.jobs.pages import LAST, Walk
from app.jobs.replays import Request
from core.db import Raw

LOOKS = 20_000

_COLUMNS = """
  d.job_id, q.name, d.priority, d.target_type, d.target::text, d.timeout_seconds, d.success::text,
  d.retry::text, d.labels::text, d.fire_at, d.expires_at, d.attempts, d.error_code, d.error_message,
  d.created_at, d.failed_at, d.replayed_as"""

# Whether a letter d of tenant $1 fits a filter, whose `values` are $2 to $7.
MATCHES = """
      ($2::text IS NULL OR d.queue_id = ANY(ARRAY(SELECT id FROM queues WHERE tenant_id = $1 AND name = $2)))
  AND ($3::text = '{}' OR d.labels @> $3::text::jsonb)
  AND ($4::text IS NULL OR d.error_code = $4)
  AND ($5::timestamptz IS NULL OR d.failed_at >= $5) AND ($6::timestamptz IS NULL OR d.failed_at < $6)
  AND ($7::text IS NULL OR strpos(d.target ->> 'url', $7) > 0)"""
REPLAYABLE = "d.replayed_as IS NULL AND NOT d.target ? 'erased'"

_SEEN = "SELECT * FROM dead_letters WHERE tenant_id = $1 AND job_id < $8 ORDER BY job_id DESC LIMIT {looks}"
_EDGE = """
SELECT job_id FROM dead_letters WHERE tenant_id = $1 AND job_id < $2 ORDER BY job_id DESC LIMIT 1 OFFSET $3
"""
_PAGE = """
SELECT {columns} FROM ({seen}) d JOIN queues q ON q.id = d.queue_id
WHERE {matches} AND {which} ORDER BY d.job_id DESC LIMIT $9
"""

_ONE = f"""
SELECT {_COLUMNS}, d.body FROM dead_letters d JOIN queues q ON q.id = d.queue_id
WHERE d.tenant_id = $1 AND d.job_id = $2
"""

REQUEST = """
  q.name, d.priority, d.target_type, d.target::text, d.body, d.sealed_headers, d.timeout_seconds,
  d.success::text, d.retry::text, d.labels::text, d.expires_at, now(),
  d.uniqueness::text"""
"""What `Request` is made of."""

_LOCK = f"""
SELECT {REQUEST}, d.replayed_as FROM dead_letters d JOIN queues q ON q.id = d.queue_id
WHERE d.tenant_id = $1 AND d.job_id = $2 FOR UPDATE OF d
"""


class Letter(msgspec.Struct, frozen=True):
    """A dead letter as the table has it. Field order is the statements'."""

    job_id: UUID
    queue: str
    priority: int
    target_type: str
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


async def page(
    db: Raw, which: LetterFilter, *, tenant: UUID, before: UUID | None, limit: int
) -> tuple[list[Letter], UUID | None]:
    """Letters that fit, newest job first, and the id after which the next are; none if there are no more."""
    async with db.transaction(isolation="repeatable_read", readonly=True):
        rows, ends_at = await _page(db, which, _COLUMNS, "true", tenant=tenant, before=before, limit=limit)
    return [Letter(*row) for row in rows], ends_at


async def step(
    db: Raw, which: LetterFilter, *, replayable: bool, tenant: UUID, before: UUID | None, limit: int
) -> Walk:
    """The ids of letters that fit."""
    only = REPLAYABLE if replayable else "true"
    async with db.transaction(isolation="repeatable_read", readonly=True):
        rows, ends_at = await _page(db, which, "d.job_id", only, tenant=tenant, before=before, limit=limit)
    return Walk([row[0] for row in rows], ends_at)


def values(which: LetterFilter) -> tuple[object, ...]:
    """What `MATCHES` asks for."""
    labels = msgspec.json.encode(which.labels).decode()
    return (
        which.queue, labels, which.error_code, which.failed_after, which.failed_before, which.url_contains
    )  # fmt: skip


async def _page(
    db: Raw, which: LetterFilter, columns: str, only: str, *, tenant: UUID, before: UUID | None, limit: int
) -> tuple[list[Any], UUID | None]:
    await db.execute(pages.CAREFULLY)
    seen = _SEEN.format(looks=LOOKS)
    statement = _PAGE.format(columns=columns, seen=seen, matches=MATCHES, which=only)
    rows = await db.fetch(statement, tenant, *values(which), before or LAST, limit + 1)
    if len(rows) > limit:
        return rows[:limit], rows[limit - 1][0]
    return rows, await db.fetchval(_EDGE, tenant, before or LAST, LOOKS - 1)


async def get(db: Raw, job: UUID, *, tenant: UUID) -> Letter | None:
    """One dead letter with its body."""
    row = await db.fetchrow(_ONE, tenant, job)
    return None if row is None else Letter(*row)


async def hold(db: Raw, job: UUID, *, tenant: UUID) -> Held | None:
    """Lock a dead letter and read its request."""
    row = await db.fetchrow(_LOCK, tenant, job)
    return None if row is None else Held(Request(*row[:-1]), row[-1])
