"""Statements that blank a job's payload, wherever a copy of it is kept.

What stays is what happened: states, times, statuses, codes, and the URL up to its query.
"""

from uuid import UUID

from app.jobs.store import since
from core.db import Raw

# The job's own row is locked first, as by every change of a job.
_HOLD = """
SELECT EXISTS (SELECT FROM endings WHERE job_id = $2)
FROM (SELECT id FROM jobs WHERE tenant_id = $1 AND id = $2 FOR UPDATE) held
"""
_HOLD_LETTER = "SELECT true FROM dead_letters WHERE tenant_id = $1 AND job_id = $2 FOR UPDATE"

_BLANK = """
UPDATE {table} SET body = '', sealed_headers = NULL, uniqueness = NULL, target = jsonb_build_object(
  'url', split_part(split_part(target->>'url', '?', 1), '#', 1), 'method', target->>'method', 'erased', true)
WHERE tenant_id = $1 AND {key} = $2
"""
_ERASE = (_BLANK.format(table="jobs", key="id"), _BLANK.format(table="dead_letters", key="job_id"))
_FORGET = """
UPDATE attempts SET headers = CASE WHEN status IS NULL THEN NULL ELSE '{}'::bytea END, body = NULL
WHERE tenant_id = $1 AND job_id = $2 AND id >= $3
"""
_DROP = "UPDATE artifacts SET deleted_at = now() WHERE tenant_id = $1 AND job_id = $2 AND deleted_at IS NULL"
_SILENCE = "DELETE FROM logs WHERE tenant_id = $1 AND job_id = $2 AND id >= $3"


async def hold(db: Raw, job: UUID, *, tenant: UUID) -> bool | None:
    """Whether a job is over, and stays as it is; None if there is neither the job nor its dead letter."""
    over: bool | None = await db.fetchval(_HOLD, tenant, job)
    letter: bool | None = await db.fetchval(_HOLD_LETTER, tenant, job)
    return over if over is not None else letter


async def blank(db: Raw, job: UUID, *, tenant: UUID) -> None:
    """Body, headers and the URL's query of job and dead letter; what was answered, printed and left."""
    for statement in (*_ERASE, _DROP):
        await db.execute(statement, tenant, job)
    for statement in (_FORGET, _SILENCE):
        await db.execute(statement, tenant, job, since(job))
