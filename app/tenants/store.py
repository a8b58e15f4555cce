"""Statements on tenants. Settings are null where the default of this version holds."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from core.db import Raw

FURNISH = """
WITH tenant AS (INSERT INTO tenants (id, name) VALUES ($1, $2)),
     queue AS (INSERT INTO queues (id, tenant_id, name) VALUES ($3, $1, 'default'))
INSERT INTO signing_secrets (id, tenant_id, sealed) VALUES ($4, $1, $5)
"""

_GET = """
SELECT id, name, created_at, request_rate, request_burst, keep_jobs_days, keep_history_days,
       keep_dead_letters_days, (SELECT l.max_concurrency FROM limits l WHERE l.id = tenants.id)
FROM tenants WHERE id = $1 AND erased_at IS NULL
"""

_CHANGE = """
UPDATE tenants SET name = $2, request_rate = $3, request_burst = $4, keep_jobs_days = $5,
       keep_history_days = $6, keep_dead_letters_days = $7
WHERE id = $1
"""

# Its credentials die and its queues stop in the transaction that accepts the erasure; the rest is the
# reaper's. The addresses of its users are free again at once.
_ERASE = """
WITH gone AS (UPDATE tenants SET erased_at = now() WHERE id = $1),
     stopped AS (UPDATE queues SET paused = true WHERE tenant_id = $1),
     asked AS (UPDATE leases SET cancel_requested_at = now() WHERE job_id = ANY(ARRAY(
               SELECT job_id FROM leases WHERE tenant_id = $1 AND cancel_requested_at IS NULL
               ORDER BY job_id FOR UPDATE))),
     people AS (DELETE FROM users WHERE tenant_id = $1 RETURNING id, email),
     ended AS (DELETE FROM sessions WHERE user_id IN (SELECT id FROM people) RETURNING id),
     dead AS (DELETE FROM refresh_tokens WHERE session_id IN (SELECT id FROM ended)),
     links AS (DELETE FROM magic_links WHERE email IN (SELECT email FROM people)),
     letters AS (DELETE FROM mails WHERE recipient IN (SELECT email FROM people)),
     keys AS (DELETE FROM api_tokens WHERE tenant_id = $1)
DELETE FROM signing_secrets WHERE tenant_id = $1
"""


class Start(msgspec.Struct, frozen=True):
    """What every tenant has from the start: its row, the queue `default`, one signing secret."""

    tenant_id: UUID
    name: str
    queue_id: UUID
    secret_id: UUID
    sealed: bytes

    def values(self) -> tuple[Any, ...]:
        """In the order of FURNISH."""
        return msgspec.structs.astuple(self)


class Stored(msgspec.Struct, frozen=True):
    """A tenant as the table has it. Field order is the statements'."""

    id: UUID
    name: str
    created_at: datetime
    request_rate: float | None
    request_burst: int | None
    keep_jobs_days: int | None
    keep_history_days: int | None
    keep_dead_letters_days: int | None
    max_concurrency: int | None


async def furnish(db: Raw, start: Start) -> None:
    """Make a tenant."""
    await db.execute(FURNISH, *start.values())


async def get(db: Raw, tenant: UUID) -> Stored | None:
    """A tenant that is not being erased."""
    row = await db.fetchrow(_GET, tenant)
    return None if row is None else Stored(*row)


async def hold(db: Raw, tenant: UUID) -> Stored | None:
    """The same, so that nobody else changes it until the end of this transaction."""
    row = await db.fetchrow(f"{_GET} FOR UPDATE", tenant)
    return None if row is None else Stored(*row)


async def change(db: Raw, settings: Stored) -> None:
    """Give a tenant these settings; its limit is written apart."""
    values = msgspec.structs.astuple(settings)
    await db.execute(_CHANGE, settings.id, settings.name, *values[3:-1])


async def erase(db: Raw, tenant: UUID) -> None:
    """Begin the end: nothing of it starts and nobody signs in for it from now on."""
    await db.execute(_ERASE, tenant)
