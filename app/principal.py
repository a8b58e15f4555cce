"""Who is asking, as handlers see it.

Every route is private unless it says `opt=PUBLIC`. A private route's handler may ask for `principal:
Principal` and scopes each statement by its tenant. A route that needs more than reading (GET) or writing
(anything else) names it: `opt=needs(Scope.ADMIN)`.
"""

from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec


class Scope(StrEnum):
    """What a credential allows."""

    READ = "read"
    """See jobs, queues and what happened."""
    WRITE = "write"
    """Create and change them."""
    ADMIN = "admin"
    """Secrets, tokens and the tenant itself."""


ALL_SCOPES = frozenset(Scope)


class Principal(msgspec.Struct, frozen=True):
    """A valid credential, resolved."""

    user_id: UUID
    tenant_id: UUID
    """Owns everything this request may see."""
    session_id: UUID
    scopes: frozenset[Scope] = ALL_SCOPES


PUBLIC: dict[str, Any] = {"public": True}
"""Marks a route that is answered without a credential."""


def needs(scope: Scope) -> dict[str, Any]:
    """Marks a route that needs this scope, whatever its method."""
    return {"scope": scope}
