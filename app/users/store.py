"""Statements of sign-in: magic links, users, sessions, refresh tokens."""

from typing import Any

from app.principal import Principal
from app.users.tokens import Access

# One look-up by primary key for every request; a session that ended takes its access tokens along.
_RESOLVE = """
SELECT tenant_id FROM sessions
WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL AND expires_at > now()
"""


async def resolve(connection: Any, access: Access) -> Principal | None:
    """Who an access token stands for, unless its session is over. Takes the driver's connection."""
    row = await connection.fetchrow(_RESOLVE, access.session_id, access.user_id)
    if row is None:
        return None
    return Principal(user_id=access.user_id, tenant_id=row["tenant_id"], session_id=access.session_id)
