"""Statements by which what an attempt left comes to be seen, fenced by its lease.

A file is reserved before the storage gets a byte of it, and charged to its tenant. Where anything breaks off
after that, the reaper finds the row and removes both.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from core.artifacts.model import RESERVED_SECONDS, Kept, Wanted
from core.db import Raw

# The lease stays while its files are entered: who ends it waits, so whoever sees the end sees the files.
_HELD = """
SELECT tenant_id FROM leases WHERE job_id = $1 AND attempt = $2 AND lease_token = $3 FOR NO KEY UPDATE
"""
# Whoever adds to what a tenant has holds this row, so the sum is exact.
_USED = """
INSERT INTO artifact_usage AS u (tenant_id, bytes) VALUES ($1, 0)
ON CONFLICT (tenant_id) DO UPDATE SET bytes = u.bytes RETURNING bytes
"""
_CHARGE = "UPDATE artifact_usage SET bytes = bytes + $2 WHERE tenant_id = $1"
_RESERVE = f"""
INSERT INTO artifacts (id, tenant_id, job_id, attempt, name, size, content_type, expires_at)
SELECT id, $1, $2, $3, name, size, content_type, now() + interval '{RESERVED_SECONDS} seconds'
FROM unnest($4::uuid[], $5::text[], $6::bigint[], $7::text[]) AS t(id, name, size, content_type)
"""
_KEEP = """
WITH held AS MATERIALIZED (
  SELECT tenant_id FROM leases WHERE job_id = $1 AND attempt = $2 AND lease_token = $3 FOR NO KEY UPDATE),
kept AS (
  UPDATE artifacts a SET stored_at = now(), sha256 = i.sha256, expires_at = NULL
  FROM held, unnest($4::uuid[], $5::bytea[]) AS i(id, sha256)
  WHERE a.id = i.id AND a.deleted_at IS NULL),
dropped AS (
  UPDATE artifacts a SET deleted_at = now() FROM held WHERE a.id = ANY($6::uuid[]) AND a.deleted_at IS NULL),
told AS (
  INSERT INTO events (id, job_id, tenant_id, kind, at, attempt, data)
  SELECT mint(clock_timestamp(), 0), $1, tenant_id, 'artifacts_lost', now(), $2, $7::text::jsonb
  FROM held WHERE $7 IS NOT NULL)
SELECT EXISTS (SELECT FROM held)
"""


class Attempt(msgspec.Struct, frozen=True):
    """Whose files they are, and its fence. Field order is the statements'."""

    job_id: UUID
    number: int
    lease_token: UUID


async def room(db: Raw, tenant: UUID, *, quota: int) -> int:
    """How many bytes the tenant may still keep. Nobody else adds any until this transaction is over."""
    used: int = await db.fetchval(_USED, tenant)
    return max(0, quota - used)


async def charge(db: Raw, tenant: UUID, size: int) -> None:
    """Count these bytes as the tenant's. In the transaction of `room`."""
    await db.execute(_CHARGE, tenant, size)


async def reserve(db: Raw, attempt: Attempt, wanted: Sequence[Wanted], *, quota: int) -> list[Wanted] | None:
    """Reserve as many as there is room for, in their order; None if the attempt has lost its lease."""
    async with db.transaction():
        tenant: UUID | None = await db.fetchval(_HELD, *msgspec.structs.astuple(attempt))
        if tenant is None:
            return None
        left, reserved = await room(db, tenant, quota=quota), []
        for one in wanted:
            if one.size <= left:
                left -= one.size
                reserved.append(one)
        if reserved:
            columns = map(list, zip(*map(msgspec.structs.astuple, reserved), strict=True))
            await db.execute(_RESERVE, tenant, attempt.job_id, attempt.number, *columns)
            await charge(db, tenant, sum(one.size for one in reserved))
    return reserved


async def keep(
    db: Raw, attempt: Attempt, kept: Sequence[Kept], *, dropped: Sequence[UUID], lost: bytes | None
) -> bool:
    """Have them seen, and tell of those that are lost (JSON); False if the attempt has lost its lease."""
    held: bool = await db.fetchval(
        _KEEP,
        *msgspec.structs.astuple(attempt),
        [one.id for one in kept],
        [one.sha256 for one in kept],
        list(dropped),
        None if lost is None else lost.decode(),
    )
    return held
