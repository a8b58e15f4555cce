"""Statements on the audit. A row is written by the transaction that does what it tells, and never changed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from app.audit.model import Action
from app.principal import Principal
from core import ids
from core.db import Raw

_LAST = UUID(int=2**128 - 1)

_RECORD = """
INSERT INTO audit (id, tenant_id, actor, actor_id, action, subject, detail, request_id)
VALUES ($1, $2, $3, $4, $5, $6, $7::text::jsonb, $8)
"""
_PAGE = """
SELECT id, at, actor, actor_id, action, subject, detail::text, request_id
FROM audit WHERE tenant_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3
"""


class Recorded(msgspec.Struct, frozen=True):
    """A row of the audit. Field order is the statement's."""

    id: UUID
    at: datetime
    actor: str
    actor_id: UUID | None
    action: str
    subject: str
    detail: str | None
    """JSON."""
    request_id: str


async def record(
    db: Raw,
    principal: Principal,
    action: Action,
    subject: str,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Tell what this transaction does, to what. Nothing secret belongs into `detail`."""
    written = None if detail is None else msgspec.json.encode(detail).decode()
    await db.execute(
        _RECORD, ids.new(), principal.tenant_id, principal.actor, principal.user_id or principal.token_id,
        action, subject, written, principal.request_id,
    )  # fmt: skip


async def page(db: Raw, *, tenant: UUID, before: UUID | None, limit: int) -> list[Recorded]:
    """A tenant's audit, newest first."""
    return [Recorded(*row) for row in await db.fetch(_PAGE, tenant, before or _LAST, limit)]
