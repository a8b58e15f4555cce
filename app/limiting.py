"""Setting and clearing the limits of a queue or of a tenant, which schedulers obey from their next claim on.

A row of `limits` exists only for what is limited, and `queues.limited` says which queues a row concerns, so
that the others pay for none of it. Both are written by a transaction that holds the tenant's row.

Leases that were made without a limit are not marked as counting. So the row of what was not limited before
says `since`: schedulers take nothing under it until they have marked those leases.
"""

from uuid import UUID

import msgspec

from core.db import Raw

# Of a rate that changes, no more of what the old one had spent ahead stays than one start of the new one.
_PUT = """
INSERT INTO limits AS l (id, max_concurrency, rate_count, rate_seconds, rate_burst, since)
VALUES ($1, $2, $3, $4, $5, clock_timestamp())
ON CONFLICT (id) DO UPDATE SET max_concurrency = excluded.max_concurrency, rate_count = excluded.rate_count,
  rate_seconds = excluded.rate_seconds, rate_burst = excluded.rate_burst,
  spent_until = CASE WHEN (l.rate_count, l.rate_seconds, l.rate_burst)
                          IS DISTINCT FROM (excluded.rate_count, excluded.rate_seconds, excluded.rate_burst)
                     THEN least(l.spent_until, clock_timestamp()
                                + excluded.rate_seconds / excluded.rate_count * interval '1 second')
                     ELSE l.spent_until END
"""
_CLEAR = "DELETE FROM limits WHERE id = $1"
_MARK = """
UPDATE queues q SET limited = NOT limited
WHERE q.tenant_id = $1 AND q.deleted_at IS NULL
  AND q.limited <> EXISTS (SELECT FROM limits l WHERE l.id IN (q.id, q.tenant_id, q.shares))
"""


class Limit(msgspec.Struct, frozen=True):
    """What may be in flight at once, and started in a period. Field order is the statement's."""

    max_concurrency: int | None = None
    rate_count: int | None = None
    rate_seconds: float | None = None
    rate_burst: int | None = None


async def put(db: Raw, whose: UUID, limit: Limit, *, tenant: UUID) -> None:
    """Give a queue or a tenant this limit; none of its parts is no limit at all."""
    if limit == Limit():
        await db.execute(_CLEAR, whose)
    else:
        await db.execute(_PUT, whose, *msgspec.structs.astuple(limit))
    await mark(db, tenant=tenant)


async def mark(db: Raw, *, tenant: UUID) -> None:
    """Have a tenant's queues say whether a limit concerns them."""
    await db.execute(_MARK, tenant)
