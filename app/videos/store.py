"""Statements about videos that are sent: a file of a job that is made together with it.

It is entered, and charged to its tenant, before the storage has a byte of it, as every file of a job is; how
many bytes come is known only afterwards. What breaks off in between is found and removed by the reaper.
"""

from uuid import UUID

import msgspec

from app.jobs.store import since
from core.artifacts.model import RESERVED_SECONDS
from core.db import Raw
from core.storage.model import Stored

_ENTER = f"""
INSERT INTO artifacts (id, tenant_id, job_id, name, size, content_type, expires_at, put_until)
VALUES ($1, $2, $3, $4, $5, $6, now() + interval '{2 * RESERVED_SECONDS} seconds',
        now() + interval '{2 * RESERVED_SECONDS} seconds')
"""
_KEEP = """
WITH kept AS (
  UPDATE artifacts a SET size = $2, sha256 = $3, put_until = NULL, put_at = now(), stored_at = now(),
         expires_at = NULL
  FROM (SELECT id, size FROM artifacts WHERE id = $1 AND deleted_at IS NULL FOR UPDATE) before
  WHERE a.id = before.id
  RETURNING a.tenant_id, a.size - before.size AS more),
charged AS (
  UPDATE artifact_usage u SET bytes = u.bytes + kept.more FROM kept WHERE u.tenant_id = kept.tenant_id)
SELECT EXISTS (SELECT FROM kept)
"""
_DROP = "UPDATE artifacts SET deleted_at = now(), put_until = NULL WHERE id = $1 AND deleted_at IS NULL"

_PROGRESS = """
SELECT (data->>'done')::float8, (data->>'total')::float8 FROM events
WHERE job_id = $1 AND id >= $2 AND kind = 'progress' AND attempt = $3 ORDER BY id DESC LIMIT 1
"""


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is about to arrive. Field order is the statement's."""

    id: UUID
    tenant_id: UUID
    job_id: UUID
    name: str
    size: int
    """The most that may come."""
    content_type: str


async def enter(db: Raw, sent: Sent) -> None:
    """Note it, so that whatever happens somebody knows of it. In the transaction that charges its size."""
    await db.execute(_ENTER, *msgspec.structs.astuple(sent))


async def keep(db: Raw, file: UUID, stored: Stored) -> bool:
    """It is all there, and is charged as what it is; False if it has gone meanwhile."""
    kept: bool = await db.fetchval(_KEEP, file, stored.size, stored.sha256)
    return kept


async def drop(db: Raw, file: UUID) -> None:
    """Nobody needs it; the reaper removes it."""
    await db.execute(_DROP, file)


async def progress(db: Raw, job: UUID, *, attempt: int) -> int | None:
    """The percent that an attempt told last; None if it told nothing yet. For a job that was found."""
    row = await db.fetchrow(_PROGRESS, job, since(job), attempt)
    if row is None or row[0] is None or not row[1]:
        return None
    return max(0, min(100, int(100 * row[0] / row[1])))
