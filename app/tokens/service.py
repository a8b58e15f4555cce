"""Making API tokens. The token itself exists here and in the one answer; the database has its hash."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import msgspec

from app.principal import Scope
from app.tokens import spelling
from app.tokens import store as tokens
from app.tokens.schemas import FreshToken, Token
from app.tokens.store import NewToken, Stored
from core import ids
from core.db import Raw


async def make(
    db: Raw, tenant: UUID, *, name: str, scopes: Iterable[Scope], expires_at: datetime | None = None
) -> FreshToken:
    """A new token of a tenant."""
    text = spelling.fresh()
    new = NewToken(
        id=ids.new(),
        tenant_id=tenant,
        name=name,
        prefix=spelling.prefix(text),
        token_hash=spelling.hashed(text),
        scopes=sorted(set(scopes)),
        expires_at=expires_at,
    )
    return FreshToken(**msgspec.structs.asdict(await tokens.add(db, new)), token=text)


def shown(stored: Stored) -> Token:
    """A token as lists show it."""
    return Token(**msgspec.structs.asdict(stored))
