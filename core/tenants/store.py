"""What the processes need to know of tenants."""

from collections.abc import Sequence
from uuid import UUID

from core.db import Raw


def signing_context(tenant: UUID) -> str:
    """What a tenant's signing secret is sealed to."""
    return f"{tenant}|signing_secrets"


def header_context(tenant: UUID) -> str:
    """What the secret headers of a tenant's jobs are sealed to; a replay carries them over unopened."""
    return f"{tenant}|jobs"


async def signing_secrets(db: Raw, tenants: Sequence[UUID]) -> dict[UUID, list[bytes]]:
    """The sealed secrets that sign now, newest first, of each tenant that has any."""
    rows = await db.fetch(
        """SELECT tenant_id, sealed FROM signing_secrets
           WHERE tenant_id = ANY($1) AND (expires_at IS NULL OR expires_at > now())
           ORDER BY created_at DESC, id DESC""",
        list(tenants),
    )
    found: dict[UUID, list[bytes]] = {}
    for tenant, sealed in rows:
        found.setdefault(tenant, []).append(sealed)
    return found
