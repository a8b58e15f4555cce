"""What the doctor asks the database, in one statement of bounded cost."""

import msgspec

from core.db import Raw

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
        WHERE to_regclass('attempts_p' || day) IS NOT NULL AND to_regclass('events_p' || day) IS NOT NULL
          AND to_regclass('logs_p' || day) IS NOT NULL)
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


async def ping(db: Raw) -> None:
    """A round trip, and nothing else."""
    await db.execute("SELECT 1")


async def look(db: Raw) -> Look:
    """One look at everything."""
    row = await db.fetchrow(_LOOK)
    assert row is not None
    return Look(*row)
