"""Statements on signing secrets."""

from datetime import datetime
from uuid import UUID

import msgspec

from core.db import Raw

_VALID = """
SELECT id, sealed, created_at, expires_at FROM signing_secrets
WHERE tenant_id = $1 AND (expires_at IS NULL OR expires_at > now()) ORDER BY created_at DESC, id DESC
"""
# One rotation at a time: the second finds what the first left.
_LOCK = "SELECT FROM tenants WHERE id = $1 FOR UPDATE"
_OUTDATE = """
UPDATE signing_secrets SET expires_at = least(expires_at, clock_timestamp() + $2::int * interval '1 second')
WHERE tenant_id = $1 AND (expires_at IS NULL OR expires_at > now())
"""
_ADD = """
INSERT INTO signing_secrets (id, tenant_id, sealed, created_at) VALUES ($1, $2, $3, clock_timestamp())
"""


class Sealed(msgspec.Struct, frozen=True):
    """A secret as it is kept. Field order is the statement's."""

    id: UUID
    sealed: bytes
    created_at: datetime
    expires_at: datetime | None


async def valid(db: Raw, *, tenant: UUID) -> list[Sealed]:
    """The secrets that sign now, newest first."""
    return [Sealed(*row) for row in await db.fetch(_VALID, tenant)]


async def hold(db: Raw, *, tenant: UUID) -> int:
    """How many sign now, while nobody else rotates until the end of this transaction."""
    await db.execute(_LOCK, tenant)
    return len(await db.fetch(_VALID, tenant))


async def replace(db: Raw, secret: UUID, sealed: bytes, *, tenant: UUID, overlap_seconds: int) -> None:
    """Sign with a new secret first; the others sign no longer than the overlap."""
    await db.execute(_OUTDATE, tenant, overlap_seconds)
    await db.execute(_ADD, secret, tenant, sealed)
