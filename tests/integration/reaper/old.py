"""Rows as they would be after so many days: jobs that ended long ago, days of history."""

from datetime import timedelta
from uuid import UUID

from core.db import Raw
from core.schema import PLAIN_HISTORY
from tests.jobs import Tenant, make_job

PARENTS = ("attempts", "events", "logs")


async def old_job(db: Raw, tenant: Tenant, *, created: float) -> UUID:
    """A job that waits in `ready`, made so many days ago."""
    return await make_job(db, tenant, id=await minted(db, created))


async def minted(db: Raw, days: float) -> UUID:
    made: UUID = await db.fetchval("SELECT mint(now() - $1::float8 * interval '24 hours', 0)", days)
    return made


async def ended(
    db: Raw, tenant: Tenant, *, finished: float, created: float | None = None, state: str = "succeeded"
) -> UUID:
    """A job that ended so many days ago; it was made an hour before that unless told otherwise."""
    job = await old_job(db, tenant, created=finished + 1 / 24 if created is None else created)
    await db.execute("DELETE FROM ready WHERE job_id = $1", job)
    await db.execute(
        """INSERT INTO endings (job_id, tenant_id, state, attempts, finished_at)
           VALUES ($1, $2, $3, 1, now() - $4::float8 * interval '24 hours')""",
        job, tenant.id, state, finished,
    )  # fmt: skip
    return job


async def failed(db: Raw, tenant: Tenant, *, finished: float) -> UUID:
    """An ended job with its dead letter."""
    job = await ended(db, tenant, finished=finished, state="failed")
    await db.execute(
        """INSERT INTO dead_letters (job_id, tenant_id, queue_id, priority, target_type, target, body,
             timeout_seconds, success, retry, labels, fire_at, created_at, attempts, failed_at)
           SELECT id, tenant_id, queue_id, priority, target_type, target, body, timeout_seconds, success,
                  retry, labels, fire_at, created_at, 1, now() - $2::float8 * interval '24 hours'
           FROM jobs WHERE id = $1""",
        job, finished,
    )  # fmt: skip
    return job


async def make_day(db: Raw, ago: int) -> str:
    """The partitions of a day so many days ago, if history has any; its name."""
    row = await db.fetchrow(
        """SELECT to_char(at, 'YYYYMMDD'), at AT TIME ZONE 'UTC'
           FROM (SELECT date_trunc('day', now() AT TIME ZONE 'UTC') - $1 * interval '1 day' AS at) day""",
        ago,
    )
    assert row is not None
    day, start = row
    low, high = (
        f"{int(at.timestamp() * 1000):012x}{'0' * 20}" for at in (start, start + timedelta(hours=24))
    )
    for parent in [] if await db.fetchval(f"SELECT {PLAIN_HISTORY}") else PARENTS:
        await db.execute(
            f"CREATE TABLE {parent}_p{day} PARTITION OF {parent} FOR VALUES FROM ('{low}') TO ('{high}')"
        )
    return str(day)


async def write(db: Raw, tenant: UUID, *, ago: float, rows: int = 1) -> None:
    """Events of a tenant, so many days old, each of a job as old."""
    await db.execute(
        """INSERT INTO events (job_id, id, tenant_id, kind, at)
           SELECT mint(at, 0), mint(at, 0), $1, 'created', at
           FROM (SELECT now() - $2::float8 * interval '24 hours' AS at FROM generate_series(1, $3)) times""",
        tenant, ago, rows,
    )  # fmt: skip
