"""What the gauges are read from, in statements of bounded cost."""

from uuid import UUID

import msgspec

from core.db import Raw
from core.schema import PLAIN_HISTORY

AGES = ("1", "10", "60", "600", "3600")
"""Seconds by which the backlog is told apart."""


class Depth(msgspec.Struct, frozen=True):
    """What waits, and since when. Counts stop at a cap; ages are seconds, 0 when nothing waits."""

    ready: int
    older: list[int]
    """Of these, by `AGES`."""
    leased: int
    oldest_ready_seconds: float
    overdue_timer_seconds: float
    oldest_mail_seconds: float


# No index has the ready jobs in the order of their age (rank holds the priority too), so the oldest is looked
# for in a bounded part of the table.
_DEPTH = f"""
WITH part AS MATERIALIZED (SELECT extract(epoch FROM now() - due_at) AS age FROM ready LIMIT 10000)
SELECT count(*), ARRAY[{", ".join(f"count(*) FILTER (WHERE age > {age})" for age in AGES)}],
       (SELECT count(*) FROM (SELECT FROM leases LIMIT 10000) flights),
       greatest(0, coalesce(max(age), 0))::float8,
       coalesce((SELECT greatest(0, extract(epoch FROM now() - due_at))
                 FROM timers ORDER BY due_at, job_id LIMIT 1), 0)::float8,
       coalesce((SELECT greatest(0, extract(epoch FROM now() - min(created_at)))
                 FROM (SELECT created_at FROM mails WHERE sent_at IS NULL AND failed_at IS NULL
                       ORDER BY due_at LIMIT 1000) waiting), 0)::float8
FROM part
"""


async def depth(db: Raw) -> Depth:
    """One look at what waits."""
    row = await db.fetchrow(_DEPTH)
    assert row is not None
    return Depth(*row)


class Vacuum(msgspec.Struct, frozen=True):
    """What vacuum has before it. Field order is the statement's."""

    oldest_transaction_seconds: float
    horizon_age: float
    """Transactions since the oldest one whose rows somebody may still need."""
    tables: list[str]
    dead_rows: list[int]
    """Of each of the tables, by PostgreSQL's own count."""


# Who holds vacuum back: a session, a replication slot (its catalog too), a prepared transaction.
_VACUUM = """
SELECT coalesce((SELECT extract(epoch FROM now() - min(xact_start)) FROM pg_stat_activity
                 WHERE datname = current_database() AND xact_start IS NOT NULL), 0)::float8,
       coalesce((SELECT max(age) FROM (
         SELECT age(backend_xmin) FROM pg_stat_activity WHERE backend_xmin IS NOT NULL UNION ALL
         SELECT age(xmin) FROM pg_replication_slots WHERE xmin IS NOT NULL UNION ALL
         SELECT age(catalog_xmin) FROM pg_replication_slots WHERE catalog_xmin IS NOT NULL UNION ALL
         SELECT age(transaction) FROM pg_prepared_xacts) held), 0)::float8,
       array_agg(relname::text ORDER BY relname), array_agg(n_dead_tup ORDER BY relname)
FROM pg_stat_user_tables
WHERE relid = ANY('{timers,ready,leases,limits,replicas}'::regclass[])
"""


async def vacuum(db: Raw) -> Vacuum:
    """One look at what vacuum has before it."""
    row = await db.fetchrow(_VACUUM)
    assert row is not None
    return Vacuum(*row)


class Room(msgspec.Struct, frozen=True):
    """How much room is taken, and made."""

    days_ahead: int
    database_bytes: int


_ROOM = f"""
SELECT coalesce(min(ahead) FILTER (WHERE NOT whole), $1 + 1) - 1, pg_database_size(current_database())
FROM (SELECT ahead, {PLAIN_HISTORY} OR bool_and(to_regclass(parent || '_p' || day) IS NOT NULL) AS whole
      FROM unnest(ARRAY['attempts', 'events', 'logs']) AS parent, generate_series(1, $1) AS ahead,
           to_char(now() AT TIME ZONE 'UTC' + ahead * interval '1 day', 'YYYYMMDD') AS day
      GROUP BY ahead) days
"""


async def room(db: Raw, *, days: int = 14) -> Room:
    """The unbroken run of days after today for which history has a place, of so many; and what is stored."""
    row = await db.fetchrow(_ROOM, days)
    assert row is not None
    return Room(*row)


class Seen(msgspec.Struct, frozen=True):
    """A replica as the table has it."""

    id: UUID
    fresh: bool
    draining: bool
    age_seconds: float
    """From its start to its last beat."""


async def replicas(db: Raw) -> list[Seen]:
    """All that are in the table, also those that stopped beating."""
    rows = await db.fetch(
        """SELECT id, expires_at > now(), draining, extract(epoch FROM beat_at - started_at)::float8
           FROM replicas"""
    )
    return [Seen(*row) for row in rows]
