"""Statements of sign-in: magic links, users, sessions, refresh tokens.

All expiry is by the database's clock. What may happen only once is one UPDATE whose WHERE says so.
"""

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, Select, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.tenants.store import FURNISH, Start
from app.users.schemas import Tenant, User
from core.db import Raw
from core.tables import magic_links, sessions, tenants, users

Transaction = AsyncConnection
"""What everything but the hottest statement runs in."""

# One statement whoever asks, so that nothing can be read from its time. The caller is counted first and a
# caller over its limit does not count against the address, or anybody could lock anybody out. Windows are
# fixed (aligned to the epoch): one row each, shared by all processes, always locked in this order.
_OFFER_LINK = """
WITH caller AS (
  INSERT INTO windows (key, started_at, hits)
  VALUES ('magic-link caller ' || $1, date_bin('1 hour', now(), timestamptz 'epoch'), 1)
  ON CONFLICT (key, started_at) DO UPDATE SET hits = windows.hits + 1
  RETURNING hits),
address AS (
  INSERT INTO windows (key, started_at, hits)
  SELECT 'magic-link address ' || $2, date_bin('15 minutes', now(), timestamptz 'epoch'), 1
  FROM caller WHERE hits <= $3
  ON CONFLICT (key, started_at) DO UPDATE SET hits = windows.hits + 1
  RETURNING hits),
allowed AS (SELECT FROM address WHERE hits <= $4),
link AS (
  INSERT INTO magic_links (token_hash, email, expires_at)
  SELECT $5, $2, now() + interval '15 minutes' FROM allowed)
INSERT INTO mails (id, recipient, sealed) SELECT $6, $2, $7 FROM allowed
"""

_ROTATE = text("""
WITH spent AS (
  UPDATE refresh_tokens AS token SET used_at = now()
  FROM sessions
  WHERE token.token_hash = :old AND token.used_at IS NULL AND token.expires_at > now()
    AND sessions.id = token.session_id AND sessions.revoked_at IS NULL AND sessions.expires_at > now()
  RETURNING sessions.id, sessions.user_id, sessions.tenant_id, sessions.expires_at),
successor AS (
  INSERT INTO refresh_tokens (token_hash, session_id, expires_at)
  SELECT :new, id, least(now() + interval '7 days', expires_at) FROM spent)
SELECT id AS session_id, user_id, tenant_id FROM spent
""")

# A token that was spent a moment ago gets the same answer again (a lost response, two tabs), as long as
# nobody has used that answer. Spent earlier, somebody else has it: the whole family ends.
_SPENT = text("""
SELECT sessions.id AS session_id, sessions.user_id, sessions.tenant_id,
       token.used_at > now() - interval '10 seconds' AND successor.used_at IS NULL AS graced
FROM refresh_tokens AS token
JOIN sessions ON sessions.id = token.session_id
JOIN refresh_tokens AS successor ON successor.token_hash = :new
WHERE token.token_hash = :old AND token.used_at IS NOT NULL AND token.expires_at > now()
  AND sessions.revoked_at IS NULL AND sessions.expires_at > now()
""")

_START = text("""
WITH session AS (
  INSERT INTO sessions (id, user_id, tenant_id, expires_at)
  VALUES (:id, :user_id, :tenant_id, now() + interval '30 days'))
INSERT INTO refresh_tokens (token_hash, session_id, expires_at)
VALUES (:token, :id, now() + interval '7 days')
""")


_WHOAMI = """
SELECT t.id, t.name, t.created_at, u.id, u.email, u.created_at
FROM tenants t LEFT JOIN users u ON u.id = $2 AND u.tenant_id = t.id WHERE t.id = $1
"""


class Offer(msgspec.Struct, frozen=True):
    """A magic link and its mail, to be kept only within the limits."""

    email: str
    caller: str
    token_hash: bytes
    mail_id: UUID
    sealed: bytes


class Limits(msgspec.Struct, frozen=True):
    """How many links may be asked for."""

    caller: int
    """By one caller in an hour."""
    address: int
    """For one address in 15 minutes."""


class Session(msgspec.Struct, frozen=True):
    """Whose session it is."""

    session_id: UUID
    user_id: UUID
    tenant_id: UUID


class Account(msgspec.Struct, frozen=True):
    """A user and the tenant that came with the first sign-in."""

    user: User
    tenant: Tenant


class Spent(msgspec.Struct, frozen=True):
    """A refresh token that was used before."""

    session: Session
    graced: bool
    """So recently that it gets the same answer again."""


async def offer_link(connection: Any, offer: Offer, limits: Limits) -> None:
    """Count, and keep link and mail if both limits allow. Takes the driver's connection, in autocommit."""
    await connection.execute(
        _OFFER_LINK,
        offer.caller,
        offer.email,
        limits.caller,
        limits.address,
        offer.token_hash,
        offer.mail_id,
        offer.sealed,
    )


async def spend_link(connection: AsyncConnection, token_hash: bytes) -> str | None:
    """The address the link was sent to, once."""
    spend = (
        update(magic_links)
        .where(
            magic_links.c.token_hash == token_hash,
            magic_links.c.used_at.is_(None),
            magic_links.c.expires_at > func.now(),
        )
        .values(used_at=func.now())
        .returning(magic_links.c.email)
    )
    email: str | None = (await connection.execute(spend)).scalar_one_or_none()
    return email


async def register(connection: AsyncConnection, email: str, *, user_id: UUID, tenant_id: UUID) -> bool:
    """Make a user, unless the address has one; a second first sign-in waits here for the first to commit."""
    new = insert(users).values(id=user_id, email=email, tenant_id=tenant_id)
    made = await connection.execute(
        new.on_conflict_do_nothing(index_elements=["email"]).returning(users.c.id)
    )
    return made.scalar_one_or_none() is not None


async def furnish(connection: AsyncConnection, start: Start) -> None:
    """Give a new user a tenant."""
    await connection.exec_driver_sql(FURNISH, start.values())


async def by_email(connection: AsyncConnection, email: str) -> Account:
    """The user of an address, who exists."""
    return _account((await connection.execute(_accounts().where(users.c.email == email))).one())


async def get(connection: AsyncConnection, user_id: UUID, *, tenant_id: UUID) -> Account | None:
    """A user and the tenant."""
    query = _accounts().where(users.c.id == user_id, tenants.c.id == tenant_id)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _account(row)


async def whoami(db: Raw, *, tenant_id: UUID, user_id: UUID | None) -> tuple[Tenant, User | None] | None:
    """The tenant, and its user where one is asking."""
    row = await db.fetchrow(_WHOAMI, tenant_id, user_id)
    if row is None:
        return None
    user = None if row[3] is None else User(id=row[3], email=row[4], created_at=row[5])
    return Tenant(id=row[0], name=row[1], created_at=row[2]), user


async def start(connection: AsyncConnection, session: Session, *, token_hash: bytes) -> None:
    """A session of at most 30 days, with its first refresh token."""
    values = {"id": session.session_id, "user_id": session.user_id, "tenant_id": session.tenant_id}
    await connection.execute(_START, values | {"token": token_hash})


async def rotate(connection: AsyncConnection, *, old: bytes, new: bytes) -> Session | None:
    """Spend one refresh token for its successor; None if it cannot be spent (any more)."""
    row = (await connection.execute(_ROTATE, {"old": old, "new": new})).one_or_none()
    return None if row is None else Session(row.session_id, row.user_id, row.tenant_id)


async def spent(connection: AsyncConnection, *, old: bytes, new: bytes) -> Spent | None:
    """A token that `rotate` refused because it was used before, in a session that still lives."""
    row = (await connection.execute(_SPENT, {"old": old, "new": new})).one_or_none()
    if row is None:
        return None
    return Spent(Session(row.session_id, row.user_id, row.tenant_id), graced=row.graced)


async def end(connection: AsyncConnection, session_id: UUID, *, tenant_id: UUID) -> None:
    """End one session, and with it all its tokens."""
    over = update(sessions).values(revoked_at=func.now())
    await connection.execute(
        over.where(
            sessions.c.id == session_id, sessions.c.tenant_id == tenant_id, sessions.c.revoked_at.is_(None)
        )
    )


async def end_all(connection: AsyncConnection, user_id: UUID, *, tenant_id: UUID) -> None:
    """End every session of a user."""
    over = update(sessions).values(revoked_at=func.now())
    await connection.execute(
        over.where(
            sessions.c.user_id == user_id, sessions.c.tenant_id == tenant_id, sessions.c.revoked_at.is_(None)
        )
    )


def _accounts() -> Select[Any]:
    return select(
        users.c.id,
        users.c.email,
        users.c.created_at,
        tenants.c.id.label("tenant_id"),
        tenants.c.name,
        tenants.c.created_at.label("tenant_created_at"),
    ).join(tenants, tenants.c.id == users.c.tenant_id)


def _account(row: Row[Any]) -> Account:
    return Account(
        user=User(id=row.id, email=row.email, created_at=row.created_at),
        tenant=Tenant(id=row.tenant_id, name=row.name, created_at=row.tenant_created_at),
    )
