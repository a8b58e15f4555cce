"""Statements on mails. A claim is a due time pushed ahead: if its holder dies, the mail is due again."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.tables import mails

_CLAIM = text("""
UPDATE mails SET due_at = now() + make_interval(secs => :hold), attempts = attempts + 1
WHERE id IN (
  SELECT id FROM mails
  WHERE sent_at IS NULL AND failed_at IS NULL AND due_at <= now()
  ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED)
RETURNING id, sealed, attempts, created_at < now() - make_interval(secs => :lifetime) AS stale
""")


class Claimed(msgspec.Struct, frozen=True):
    """A mail that is ours to send until the hold runs out."""

    id: UUID
    sealed: bytes
    attempts: int
    """Including this one."""
    stale: bool
    """Whether its link is dead by now."""


class Kept(msgspec.Struct, frozen=True):
    """A mail as development shows it."""

    id: UUID
    sealed: bytes
    created_at: datetime


async def claim(
    connection: AsyncConnection, *, limit: int, hold: timedelta, lifetime: timedelta
) -> Sequence[Claimed]:
    """Mails that are due, each to one caller only."""
    values = {"limit": limit, "hold": hold.total_seconds(), "lifetime": lifetime.total_seconds()}
    rows = await connection.execute(_CLAIM, values)
    return [Claimed(row.id, row.sealed, row.attempts, row.stale) for row in rows]


async def sent(connection: AsyncConnection, mail_id: UUID, *, keep: bool) -> None:
    """It is on its way; its content, a live link, is dropped unless `keep`."""
    sealed = mails.c.sealed if keep else None
    done = update(mails).values(sent_at=func.now(), sealed=sealed, last_error=None)
    await connection.execute(done.where(mails.c.id == mail_id, mails.c.sent_at.is_(None)))


async def failed(connection: AsyncConnection, mail_id: UUID, *, reason: str) -> None:
    """It will never be sent."""
    ended = update(mails).values(failed_at=func.now(), sealed=None, last_error=reason)
    await connection.execute(ended.where(mails.c.id == mail_id, mails.c.sent_at.is_(None)))


async def postpone(connection: AsyncConnection, mail_id: UUID, *, wait: timedelta, reason: str) -> None:
    """Try again after a while."""
    later = update(mails).values(due_at=func.now() + wait, last_error=reason)
    await connection.execute(later.where(mails.c.id == mail_id, mails.c.sent_at.is_(None)))


async def kept(connection: AsyncConnection, *, recipient: str | None, limit: int) -> Sequence[Kept]:
    """The newest mails that still have their content."""
    newest = (
        select(mails.c.id, mails.c.sealed, mails.c.created_at)
        .where(mails.c.sealed.is_not(None))
        .order_by(mails.c.created_at.desc(), mails.c.id.desc())
        .limit(limit)
    )
    if recipient is not None:
        newest = newest.where(mails.c.recipient == recipient)
    return [Kept(row.id, row.sealed, row.created_at) for row in await connection.execute(newest)]
