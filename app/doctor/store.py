"""What the doctor asks the database, in one statement of bounded cost."""

import msgspec

from core.db import Raw
from core.schema import PLAIN_HISTORY

_DAYS = 8

# The oldest ready job is looked for in a bounded part of the table: no index has them by age.
_LOOK = f"""
WITH fleet AS MATERIALIZED (SELECT beat_at, expires_at > now() AS beats, draining FROM replicas)
SELECT extract(epoch FROM clock_timestamp())::float8,
       (SELECT version_num FROM alembic_version),
       (SELECT count(*) FROM fleet WHERE beats AND NOT draining),
       (SELECT count(*) FROM fleet WHERE beats AND draining),
       (SELECT count(*) FROM fleet WHERE NOT beats),
       (SELECT extract(epoch FROM now() - max(beat_at))::float8 FROM fleet),
       coalesce((SELECT greatest(0, extract(epoch FROM now() - min(due_at)))
                 FROM (SELECT due_at FROM ready LIMIT 10000) part), 0)::float8,
       coalesce((SELECT greatest(0, extract(epoch FROM now() - due_at))
                 FROM timers ORDER BY due_at, job_id LIMIT 1), 0)::float8,
       coalesce((SELECT extract(epoch FROM now() - min(xact_start)) FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid()), 0)::float8,
       coalesce((SELECT greatest(0, extract(epoch FROM now() - min(created_at)))
                 FROM (SELECT created_at FROM mails WHERE sent_at IS NULL AND failed_at IS NULL
                       ORDER BY due_at LIMIT 1000) waiting), 0)::float8,
       (SELECT count(*)
        FROM (SELECT FROM mails WHERE sent_at IS NULL AND failed_at IS NULL LIMIT 1000) waiting),
       (SELECT count(*) FROM generate_series(1, {_DAYS}) ahead,
               to_char(now() AT TIME ZONE 'UTC' + ahead * interval '1 day', 'YYYYMMDD') day
        WHERE {PLAIN_HISTORY}
           OR (to_regclass('attempts_p' || day) IS NOT NULL AND to_regclass('events_p' || day) IS NOT NULL
               AND to_regclass('logs_p' || day) IS NOT NULL))
"""


class Look(msgspec.Struct, frozen=True):
    """One look. Field order is the statement's; ages are seconds, 0 when there is nothing."""

    clock: float
    """The database's, in epoch seconds."""
    revision: str
    alive: int
    draining: int
    lost: int
    beat_age: float | None
    """Of the last beat of any replica; None if none ever came."""
    oldest_ready: float
    overdue_timer: float
    oldest_transaction: float
    oldest_mail: float
    mails: int
    """Waiting, counted up to 1,000."""
    days_ahead: int
    """For which history has a place."""


# Settings and statistics, which cost nothing; of the busy tables the one with the most dead rows.
_SERVER = """
SELECT current_setting('server_version_num')::int / 10000, pg_is_in_recovery(),
       ARRAY(SELECT name::text FROM pg_settings
             WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'autovacuum', 'track_counts')
               AND setting = 'off' ORDER BY name),
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::float8
         / current_setting('max_connections')::int,
       (SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database()),
       coalesce((SELECT max(age) FROM (
         SELECT age(backend_xmin) FROM pg_stat_activity WHERE backend_xmin IS NOT NULL UNION ALL
         SELECT age(xmin) FROM pg_replication_slots WHERE xmin IS NOT NULL UNION ALL
         SELECT age(catalog_xmin) FROM pg_replication_slots WHERE catalog_xmin IS NOT NULL UNION ALL
         SELECT age(transaction) FROM pg_prepared_xacts) held), 0),
       coalesce((SELECT max(n_dead_tup) FROM pg_stat_user_tables
                 WHERE relid = ANY('{timers,ready,leases,limits,replicas}'::regclass[])), 0),
       {astray}
"""
_ASTRAY = """EXISTS (SELECT FROM attempts_default) OR EXISTS (SELECT FROM events_default)
         OR EXISTS (SELECT FROM logs_default)"""


class Server(msgspec.Struct, frozen=True):
    """How PostgreSQL is set up and fares. Field order is the statement's."""

    version: int
    in_recovery: bool
    off: list[str]
    """Settings that must be on, and are not."""
    connections: float
    """Taken, as a share of those that there may be."""
    frozen_age: int
    """Transactions since the database was last frozen whole."""
    horizon_age: int
    """Transactions since the oldest that somebody still needs."""
    dead_rows: int
    """Of the busy table that has most of them."""
    astray: bool
    """Whether history lies in a default partition, for want of a day's own."""


async def server(db: Raw, *, partitions: bool) -> Server:
    """One look at how PostgreSQL is set up."""
    row = await db.fetchrow(_SERVER.replace("{astray}", _ASTRAY if partitions else "false"))
    assert row is not None
    return Server(*row)


async def ping(db: Raw) -> None:
    """A round trip, and nothing else."""
    await db.execute("SELECT 1")


async def look(db: Raw) -> Look:
    """One look at everything."""
    row = await db.fetchrow(_LOOK)
    assert row is not None
    return Look(*row)
