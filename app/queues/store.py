"""Statements on queues. A deleted one stays as a row, so that the jobs that ended in it still name it."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from core.db import Raw
from core.jobs.backoff import Retry
from core.jobs.model import Needs

_FIRST = UUID(int=0)
_encoder = msgspec.json.Encoder()
_retries = msgspec.json.Decoder(Retry)

_COLUMNS = """
SELECT q.id, q.name, q.paused, q.retry::text, q.timeout_seconds, q.created_at,
       l.max_concurrency, l.rate_count, l.rate_seconds, l.rate_burst, q.lane
FROM queues q LEFT JOIN limits l ON l.id = q.id
WHERE q.tenant_id = $1 AND q.deleted_at IS NULL
"""
_BY_ID = f"{_COLUMNS} AND q.id = $2"
_BY_NAME = f"{_COLUMNS} AND q.name = $2"
_PAGE = f"{_COLUMNS} AND q.id > $2 ORDER BY q.id LIMIT $3"

# A limit may come or go with a change, and what its tenant's queues say of that is written by one at a time.
_HOLD = "SELECT now() FROM tenants WHERE id = $1 FOR UPDATE"
_ADD = """
INSERT INTO queues (id, tenant_id, name, paused, retry, timeout_seconds)
VALUES ($1, $2, $3, $4, $5::text::jsonb, $6)
"""
_CHANGE = """
UPDATE queues SET name = $3, paused = $4, retry = $5::text::jsonb, timeout_seconds = $6
WHERE tenant_id = $2 AND id = $1
"""
_PAUSE = "UPDATE queues SET paused = $2 WHERE id = $1"
# A job that is being created in it at this very moment is to run, so it does not stay paused.
_DELETE = "UPDATE queues SET deleted_at = now(), paused = false WHERE id = $1"
_NEEDS = ", ".join(str(int(needs)) for needs in Needs)
_BUSY = f"""
SELECT EXISTS (SELECT FROM ready WHERE needs IN ({_NEEDS}) AND queue_id = $1)
    OR EXISTS (SELECT FROM leases WHERE queue_id = $1) OR EXISTS (SELECT FROM timers WHERE queue_id = $1)
"""
_TAKEN = """
SELECT EXISTS (SELECT FROM queues WHERE tenant_id = $1 AND name = $2 AND deleted_at IS NULL AND id <> $3)
"""


class Stored(msgspec.Struct, frozen=True):
    """A queue as the tables have it. Field order is the statements'."""

    id: UUID
    name: str
    paused: bool
    retry: Retry | None
    timeout_seconds: int | None
    created_at: datetime
    max_concurrency: int | None = None
    rate_count: int | None = None
    rate_seconds: float | None = None
    rate_burst: int | None = None
    lane: bool = False
    """Whether it belongs to a definition or a function."""


async def hold(db: Raw, tenant: UUID) -> datetime:
    """Let nobody else change this tenant's queues until the end of the transaction; when that began."""
    began: datetime = await db.fetchval(_HOLD, tenant)
    return began


async def get(db: Raw, which: UUID | str, *, tenant: UUID) -> Stored | None:
    """A queue by its id or its name."""
    row = await db.fetchrow(_BY_ID if isinstance(which, UUID) else _BY_NAME, tenant, which)
    return None if row is None else _stored(row)


async def page(db: Raw, *, tenant: UUID, after: UUID | None, limit: int) -> list[Stored]:
    """A tenant's queues, oldest first."""
    return [_stored(row) for row in await db.fetch(_PAGE, tenant, after or _FIRST, limit)]


async def taken(db: Raw, name: str, *, tenant: UUID, by: UUID) -> bool:
    """Whether another queue than this one has the name."""
    found: bool = await db.fetchval(_TAKEN, tenant, name, by)
    return found


async def add(db: Raw, queue: Stored, *, tenant: UUID) -> None:
    """Make a queue; its limits are written apart."""
    await db.execute(_ADD, *_values(queue, tenant))


async def change(db: Raw, queue: Stored, *, tenant: UUID) -> None:
    """Give a queue these settings; its limits are written apart."""
    await db.execute(_CHANGE, *_values(queue, tenant))


async def pause(db: Raw, queue: UUID, *, paused: bool) -> None:
    """Stop or start a queue, for every replica with its next claim."""
    await db.execute(_PAUSE, queue, paused)


async def busy(db: Raw, queue: UUID) -> bool:
    """Whether a job waits or runs in it. Reads all timers where none is found before."""
    found: bool = await db.fetchval(_BUSY, queue)
    return found


async def delete(db: Raw, queue: UUID) -> None:
    """Let no new job into it; its name is free."""
    await db.execute(_DELETE, queue)


def _values(queue: Stored, tenant: UUID) -> tuple[Any, ...]:
    retry = None if queue.retry is None else _encoder.encode(queue.retry).decode()
    return queue.id, tenant, queue.name, queue.paused, retry, queue.timeout_seconds


def _stored(row: Any) -> Stored:
    id, name, paused, retry, *rest = row
    return Stored(id, name, paused, None if retry is None else _retries.decode(retry), *rest)
