"""What the sweeps ask of the database besides a job's own moves."""

import msgspec

from core.db import Raw


class Depth(msgspec.Struct, frozen=True):
    """What waits, and since when. Counts stop at a cap; ages are seconds, 0 when nothing waits."""

    ready: int
    leased: int
    oldest_ready_seconds: float
    overdue_timer_seconds: float
    oldest_transaction_seconds: float


# No index has the ready jobs in the order of their age (rank holds the priority too), so the oldest is looked
# for in a bounded part of the table.
_DEPTH = """
WITH part AS MATERIALIZED (SELECT due_at FROM ready LIMIT 10000)
SELECT (SELECT count(*) FROM part), (SELECT count(*) FROM (SELECT FROM leases LIMIT 10000) flights),
       coalesce((SELECT greatest(0, extract(epoch FROM now() - min(due_at))) FROM part), 0)::float8,
       coalesce((SELECT greatest(0, extract(epoch FROM now() - due_at))
                 FROM timers ORDER BY due_at, job_id LIMIT 1), 0)::float8,
       coalesce((SELECT extract(epoch FROM now() - min(xact_start)) FROM pg_stat_activity
                 WHERE datname = current_database() AND xact_start IS NOT NULL), 0)::float8
"""


async def depth(db: Raw) -> Depth:
    """One look at what waits."""
    row = await db.fetchrow(_DEPTH)
    assert row is not None
    return Depth(*row)


async def ensure_partitions(db: Raw, *, days_ahead: int) -> int:
    """Make the history's days ahead; how many were missing."""
    made: int = await db.fetchval("SELECT ensure_partitions($1)", days_ahead)
    return made


async def partitions_ahead(db: Raw) -> bool:
    """Whether tomorrow has its partitions."""
    found: bool = await db.fetchval(
        """SELECT to_regclass('attempts_p' || day) IS NOT NULL AND to_regclass('events_p' || day) IS NOT NULL
           FROM to_char(now() AT TIME ZONE 'UTC' + interval '1 day', 'YYYYMMDD') AS day"""
    )
    return found


# Rows that only had to be kept for a while, and what makes each of them old. Small batches, in key order.
_OLD = {
    "idempotency_keys": "expires_at < now()",
    "magic_links": "expires_at < now() - interval '1 day'",
    "refresh_tokens": "expires_at < now()",
    "sessions": "expires_at < now() OR revoked_at < now() - interval '1 day'",
    "signing_secrets": "expires_at < now() - interval '1 day'",
    "windows": "started_at < now() - interval '2 days'",
    "mails": "created_at < now() - interval '7 days'",
}


async def purge(db: Raw, *, limit: int) -> int:
    """Remove up to ``limit`` outlived rows of each kind; how many went."""
    removed = 0
    for table, old in _OLD.items():
        status = await db.execute(
            f"DELETE FROM {table} WHERE ctid = ANY(ARRAY("
            f"SELECT ctid FROM {table} WHERE {old} LIMIT $1 FOR UPDATE SKIP LOCKED))",
            limit,
        )
        removed += int(status.split()[-1])
    return removed
