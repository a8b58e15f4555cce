"""Cancelling a job that waits: the statements, and doing it for a job whose first attempt is still to come.

See `app.jobs.moves` for why each place is looked at by a statement of its own.
"""

from uuid import UUID

from core.db import Raw

LOOKS = 20
"""How often a moving job is looked for everywhere."""

LOCK = "SELECT FROM jobs WHERE tenant_id = $1 AND id = $2 FOR UPDATE"

_CANCEL = """
WITH gone AS (
  DELETE FROM {place} WHERE job_id = $1 RETURNING job_id, tenant_id, attempt, clock_timestamp() AS at),
ended AS (
  INSERT INTO endings (job_id, tenant_id, state, attempts, finished_at, cancel_requested_at)
  SELECT job_id, tenant_id, 'cancelled', attempt - 1, at, at FROM gone),
told AS (
  INSERT INTO events (id, job_id, tenant_id, kind, at)
  SELECT mint(at, 0), job_id, tenant_id, 'cancelled', at FROM gone)
SELECT count(*) FROM gone
"""
_FOUND = "SELECT attempt FROM {place} WHERE job_id = $1 FOR UPDATE"

FOUND = tuple(_FOUND.format(place=place) for place in ("timers", "ready"))
"""The attempt that a job waits for, in either of the places where jobs wait."""
CANCELS = tuple(_CANCEL.format(place=place) for place in ("timers", "ready"))
"""The same places."""

# A job that has just ended otherwise than well is out of the way too.
_OVER = "SELECT state <> 'succeeded' FROM endings WHERE job_id = $1"
_LEASED = "SELECT EXISTS (SELECT FROM leases WHERE job_id = $1)"


async def withdraw(db: Raw, job: UUID, *, tenant: UUID) -> bool:
    """Cancel a job that nothing was tried of; whether it is out of the way. Meant for a transaction."""
    if await db.fetchrow(LOCK, tenant, job) is None:
        return True
    for _ in range(LOOKS):
        for find, cancel in zip(FOUND, CANCELS, strict=True):
            attempt = await db.fetchval(find, job)
            if attempt is not None:
                return attempt == 1 and bool(await db.fetchval(cancel, job))
        if await db.fetchval(_LEASED, job):
            return False
        over: bool | None = await db.fetchval(_OVER, job)
        if over is not None:
            return over
    return False
