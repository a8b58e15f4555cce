"""Statements that change a tenant's definitions; those that read them are in `core.definitions.store`."""

from typing import Any
from uuid import UUID

from core.db import Raw
from core.definitions.model import Definition, Name

_HOLD = "SELECT now() FROM tenants WHERE id = $1 FOR UPDATE"
_REGISTERED = "SELECT EXISTS (SELECT FROM functions WHERE key = $1)"
_TAKEN = "SELECT EXISTS (SELECT FROM definitions WHERE tenant_id = $1 AND key = $2 AND version = $3)"
_ADD = """
INSERT INTO definitions (id, tenant_id, key, version, description, target, sealed_headers, timeout_seconds,
                         priority, queue, labels, retry, success, concurrency_limit, params_schema,
                         result_schema, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::text::jsonb, $12::text::jsonb, $13::text::jsonb, $14,
        $15::text::jsonb, $16::text::jsonb, $17, $18)
"""
_CHANGE = """
UPDATE definitions SET description = $5, target = $6, sealed_headers = $7, timeout_seconds = $8,
       priority = $9, queue = $10, labels = $11::text::jsonb, retry = $12::text::jsonb,
       success = $13::text::jsonb, concurrency_limit = $14, params_schema = $15::text::jsonb,
       result_schema = $16::text::jsonb, created_at = $17, changed_at = $18
WHERE id = $1 AND tenant_id = $2 AND key = $3 AND version = $4
"""
_DELETE = "DELETE FROM definitions WHERE id = $1"


async def hold(db: Raw, tenant: UUID) -> Any:
    """Let nobody else change this tenant's definitions until the end of the transaction; when that began."""
    return await db.fetchval(_HOLD, tenant)


async def is_registered(db: Raw, key: str) -> bool:
    """Whether a function has this key, in any version."""
    found: bool = await db.fetchval(_REGISTERED, key)
    return found


async def taken(db: Raw, name: Name, *, tenant: UUID) -> bool:
    """Whether there is such a definition of the tenant."""
    found: bool = await db.fetchval(_TAKEN, tenant, name.key, name.version)
    return found


async def add(db: Raw, new: Definition, *, tenant: UUID) -> None:
    """Make a definition; its limit is written apart."""
    await db.execute(_ADD, *_values(new, tenant))


async def change(db: Raw, new: Definition, *, tenant: UUID) -> None:
    """Let a definition say this from now on; its limit is written apart."""
    await db.execute(_CHANGE, *_values(new, tenant))


async def delete(db: Raw, definition: UUID) -> None:
    """Remove a definition. Its jobs stay, and its lane with them."""
    await db.execute(_DELETE, definition)


def _values(one: Definition, tenant: UUID) -> tuple[Any, ...]:
    return (
        one.id, tenant, one.key, one.version, one.description, one.target, one.sealed, one.timeout_seconds,
        one.priority, one.queue, one.labels, one.retry, one.success, one.concurrency_limit, one.params_schema,
        one.result_schema, one.created_at, one.changed_at,
    )  # fmt: skip
