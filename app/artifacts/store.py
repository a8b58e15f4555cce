"""Statements about files of jobs, scoped by tenant; a link's file is found by its id alone.

Only what is stored and not deleted is seen. An upload is entered first, and charged to its tenant.
"""

from datetime import datetime
from uuid import UUID

import msgspec

from core.artifacts.model import RESERVED_SECONDS
from core.db import Raw

_FIELDS = "id, tenant_id, job_id, attempt, name, size, sha256, content_type, created_at"
_SEEN = "stored_at IS NOT NULL AND deleted_at IS NULL"
_FIRST = UUID(int=0)

_IS_JOB = "SELECT EXISTS (SELECT FROM jobs WHERE tenant_id = $1 AND id = $2)"
_PAGE = f"""
SELECT {_FIELDS} FROM artifacts
WHERE tenant_id = $1 AND job_id = $2 AND id > $3 AND ($4::int2 IS NULL OR attempt = $4) AND {_SEEN}
ORDER BY id LIMIT $5
"""
_ONE = f"""
SELECT {_FIELDS} FROM artifacts
WHERE tenant_id = $1 AND job_id = $2 AND name = $3 AND ($4::int2 IS NULL OR attempt = $4) AND {_SEEN}
ORDER BY attempt DESC LIMIT 1
"""
# What is seen of a link's file, and whether the link still holds.
_LINKED = f"SELECT now() < to_timestamp($2), {_FIELDS} FROM artifacts WHERE id = $1 AND {_SEEN}"
_INSTANT = "SELECT ceil(extract(epoch FROM now()))::bigint + $1"
_DELETE = f"""
UPDATE artifacts SET deleted_at = now() WHERE id = (
  SELECT id FROM artifacts
  WHERE tenant_id = $1 AND job_id = $2 AND name = $3 AND ($4::int2 IS NULL OR attempt = $4) AND {_SEEN}
  ORDER BY attempt DESC LIMIT 1) AND deleted_at IS NULL
RETURNING id
"""

# The job's row is held, so that it cannot go while a file is entered for it.
_HOLD_JOB = "SELECT true FROM jobs WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE"
_UPLOADS = """
SELECT count(*) FILTER (WHERE attempt = 0), coalesce(bool_or(name = $2), false)
FROM artifacts WHERE job_id = $1 AND deleted_at IS NULL
"""
_ENTER = f"""
INSERT INTO artifacts (id, tenant_id, job_id, name, size, sha256, content_type, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, now() + interval '{RESERVED_SECONDS} seconds')
"""

_HOLD_UPLOAD = """
SELECT tenant_id, job_id, size, sha256, now() < to_timestamp($2), put_until > now(), put_at IS NOT NULL
FROM artifacts WHERE id = $1 AND attempt = 0 AND deleted_at IS NULL FOR UPDATE
"""
_BEGIN = "UPDATE artifacts SET put_until = now() + $2 * interval '1 second' WHERE id = $1 RETURNING put_until"
_FINISH = """
UPDATE artifacts SET put_until = NULL, put_at = now(), sha256 = $3
WHERE id = $1 AND put_until = $2 AND put_at IS NULL AND deleted_at IS NULL RETURNING id
"""
_GIVE_UP = "UPDATE artifacts SET put_until = NULL WHERE id = $1 AND put_until = $2"

_UPLOADED = f"""
SELECT put_at IS NOT NULL, stored_at IS NOT NULL, {_FIELDS} FROM artifacts
WHERE tenant_id = $1 AND job_id = $2 AND name = $3 AND attempt = 0 AND deleted_at IS NULL
"""
_CONFIRM = """
UPDATE artifacts SET stored_at = coalesce(stored_at, now()), expires_at = NULL
WHERE id = $1 AND deleted_at IS NULL AND put_at IS NOT NULL RETURNING id
"""


class File(msgspec.Struct, frozen=True):
    """A file of a job, as it is known. Field order is the statements'."""

    id: UUID
    tenant_id: UUID
    job_id: UUID
    attempt: int
    name: str
    size: int
    sha256: bytes | None
    content_type: str
    created_at: datetime


class NewUpload(msgspec.Struct, frozen=True):
    """An upload to enter. Field order is the statement's."""

    id: UUID
    tenant_id: UUID
    job_id: UUID
    name: str
    size: int
    sha256: bytes | None
    content_type: str


class Expected(msgspec.Struct, frozen=True):
    """An upload that was entered. Field order is the statement's."""

    tenant_id: UUID
    job_id: UUID
    size: int
    sha256: bytes | None
    holds: bool
    """Whether its link does."""
    busy: bool | None
    """Whether somebody is uploading it now."""
    done: bool


async def page(
    db: Raw, tenant: UUID, job: UUID, *, after: UUID | None, attempt: int | None, limit: int
) -> list[File] | None:
    """A job's files, oldest first; None if there is no such job."""
    rows = await db.fetch(_PAGE, tenant, job, after or _FIRST, attempt, limit)
    if not rows and not await db.fetchval(_IS_JOB, tenant, job):
        return None
    return [File(*row) for row in rows]


async def one(db: Raw, tenant: UUID, job: UUID, name: str, attempt: int | None) -> File | None:
    """The newest by this name."""
    row = await db.fetchrow(_ONE, tenant, job, name, attempt)
    return None if row is None else File(*row)


async def linked(db: Raw, artifact: UUID, *, expires: int) -> tuple[bool, File] | None:
    """Whether a link to it still holds, and the file; None if there is none."""
    row = await db.fetchrow(_LINKED, artifact, float(expires))
    return None if row is None else (row[0], File(*row[1:]))


async def instant(db: Raw, seconds: int) -> int:
    """Epoch seconds so long from now."""
    found: int = await db.fetchval(_INSTANT, seconds)
    return found


async def delete(db: Raw, tenant: UUID, job: UUID, name: str, attempt: int | None) -> bool:
    """Have the newest by this name seen no more; whether there was one."""
    return await db.fetchval(_DELETE, tenant, job, name, attempt) is not None


async def hold_job(db: Raw, tenant: UUID, job: UUID) -> bool:
    """Whether there is this job; it stays until the transaction is over."""
    return await db.fetchval(_HOLD_JOB, tenant, job) is not None


async def uploads(db: Raw, job: UUID, name: str) -> tuple[int, bool]:
    """How many uploads a job has, and whether it has any file by this name."""
    row = await db.fetchrow(_UPLOADS, job, name)
    assert row is not None
    return row[0], row[1]


async def enter(db: Raw, upload: NewUpload) -> None:
    """Enter what is to be uploaded."""
    await db.execute(_ENTER, *msgspec.structs.astuple(upload))


async def hold_upload(db: Raw, artifact: UUID, *, expires: int) -> Expected | None:
    """What is to be uploaded, held until the transaction is over."""
    row = await db.fetchrow(_HOLD_UPLOAD, artifact, float(expires))
    return None if row is None else Expected(*row)


async def begin(db: Raw, artifact: UUID, *, seconds: float) -> datetime:
    """Nobody else uploads it until then."""
    until: datetime = await db.fetchval(_BEGIN, artifact, seconds)
    return until


async def finish(db: Raw, artifact: UUID, until: datetime, sha256: bytes) -> bool:
    """It is all there; False if it is no longer wanted, or not from us."""
    return await db.fetchval(_FINISH, artifact, until, sha256) is not None


async def give_up(db: Raw, artifact: UUID, until: datetime) -> None:
    """Somebody else may upload it."""
    await db.execute(_GIVE_UP, artifact, until)


async def uploaded(db: Raw, tenant: UUID, job: UUID, name: str) -> tuple[bool, bool, File] | None:
    """Whether it is all there, whether it is seen, and the file; None if nobody asked to upload it."""
    row = await db.fetchrow(_UPLOADED, tenant, job, name)
    return None if row is None else (row[0], row[1], File(*row[2:]))


async def confirm(db: Raw, artifact: UUID) -> bool:
    """Have it seen; False if it has gone meanwhile."""
    return await db.fetchval(_CONFIRM, artifact) is not None
