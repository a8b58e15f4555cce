"""Statements on API tokens. A revoked one is deleted; the audit remembers it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from app.principal import Scope
from core.db import Raw

_LAST = UUID(int=2**128 - 1)
_COLUMNS = "id, name, prefix, scopes, created_at, last_used_at, expires_at"

_ADD = f"""
INSERT INTO api_tokens (id, tenant_id, name, prefix, token_hash, scopes, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING {_COLUMNS}
"""
_PAGE = f"""
SELECT {_COLUMNS} FROM api_tokens WHERE tenant_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3
"""
_REVOKE = "DELETE FROM api_tokens WHERE tenant_id = $1 AND id = $2 RETURNING name, prefix"


class Stored(msgspec.Struct, frozen=True):
    """A token as the table has it. Field order is the statements'."""

    id: UUID
    name: str
    prefix: str
    scopes: list[Scope]
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


class NewToken(msgspec.Struct, frozen=True):
    """A token to keep. Field order is the statement's."""

    id: UUID
    tenant_id: UUID
    name: str
    prefix: str
    token_hash: bytes
    scopes: Sequence[Scope]
    expires_at: datetime | None


async def add(db: Raw, new: NewToken) -> Stored:
    """Keep a token."""
    return _stored(await db.fetchrow(_ADD, *msgspec.structs.astuple(new)))


async def page(db: Raw, *, tenant: UUID, before: UUID | None, limit: int) -> list[Stored]:
    """A tenant's tokens, newest first."""
    return [_stored(row) for row in await db.fetch(_PAGE, tenant, before or _LAST, limit)]


async def revoke(db: Raw, token: UUID, *, tenant: UUID) -> dict[str, str] | None:
    """End a token, for every process with its next request; what it was known by."""
    row = await db.fetchrow(_REVOKE, tenant, token)
    return None if row is None else dict(row)


def _stored(row: Any) -> Stored:
    token, name, prefix, scopes, *times = row
    return Stored(token, name, prefix, [Scope(scope) for scope in scopes], *times)
