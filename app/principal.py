"""Who is asking, as handlers see it.

Every route is private unless it says `opt=PUBLIC`. A private route's handler may ask for `principal:
Principal` and scopes each statement by its tenant. A route that needs more than reading (GET) or writing
(anything else) names it: `opt=needs(Scope.ADMIN)`. A route of the operator says `opt=OPERATOR`; it has no
tenant, and so no principal.
"""

from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from core.errors import Unauthenticated


class Scope(StrEnum):
    """What a credential allows. None of them includes another."""

    READ = "jobs:read"
    """See jobs, queues and what happened."""
    WRITE = "jobs:write"
    """Create and change them."""
    ADMIN = "admin"
    """Secrets, tokens, the audit and the tenant itself."""


ALL_SCOPES = frozenset(Scope)


class Actor(StrEnum):
    """Which kind of credential did something."""

    USER = "user"
    TOKEN = "token"  # noqa: S105
    OPERATOR = "operator"


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """A valid credential, resolved."""

    tenant_id: UUID
    """Owns everything this request may see."""
    actor: Actor
    user_id: UUID | None = None
    """Of a session."""
    session_id: UUID | None = None
    token_id: UUID | None = None
    """Of an API token."""
    scopes: frozenset[Scope] = ALL_SCOPES
    request_id: str = ""


def asking(scope: Any) -> Principal:
    """Whose request this is, as the guard resolved it. Raises Unauthenticated."""
    resolved = scope.get("auth")
    if not isinstance(resolved, Principal):
        raise Unauthenticated
    return resolved


_READING = {"GET", "HEAD", "OPTIONS"}

SIGNED: dict[str, Any] = {"signed": True}
"""Marks a route that checks a signature in its query instead of a credential."""

BYTES: dict[str, Any] = {"bytes": True}
"""Marks a route whose body is not JSON but bytes of any kind."""

FORM = "form"
"""Of a route that takes a form with files: the schema of what is in it."""

PUBLIC: dict[str, Any] = {"public": True}
"""Marks a route that is answered without a credential."""

OPERATOR: dict[str, Any] = {"operator": True}
"""Marks a route that takes the operator's secret, and nothing else."""


def needed(opt: dict[str, Any], method: str) -> Scope:
    """The scope that a private route takes with this method."""
    named: Scope | None = opt.get("scope")
    return named or (Scope.READ if method.upper() in _READING else Scope.WRITE)


def needs(scope: Scope) -> dict[str, Any]:
    """Marks a route that needs this scope, whatever its method."""
    return {"scope": scope}
