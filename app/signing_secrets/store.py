"""Statements on signing secrets."""

from datetime import datetime
from uuid import UUID

import msgspec

from core.db import Raw


class Sealed(msgspec.Struct, frozen=True):
    """A secret as it is kept. Field order is the statement's."""

    id: UUID
    sealed: bytes
    created_at: datetime
    expires_at: datetime | None


async def valid(db: Raw, *, tenant: UUID) -> list[Sealed]:
    """The secrets that sign now, newest first."""
    rows = await db.fetch(
        """SELECT id, sealed, created_at, expires_at FROM signing_secrets
           WHERE tenant_id = $1 AND (expires_at IS NULL OR expires_at > now())
           ORDER BY created_at DESC, id DESC""",
        tenant,
    )
    return [Sealed(*row) for row in rows]
