"""What sign-in takes and gives."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from app.principal import Scope
from app.users.tokens import ACCESS_SECONDS

Instant = Annotated[datetime, Meta(tz=True)]
"""With an offset, as RFC 3339 wants it."""

_PLAIN = Meta(
    min_length=3,
    max_length=254,
    description="One plain e-mail address.",
    extra_json_schema={"format": "email"},
)
_Token = Annotated[str, Meta(min_length=1, max_length=512)]


class AskForLink(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who wants to sign in."""

    email: Annotated[str, _PLAIN]


class Asked(msgspec.Struct, frozen=True):
    """The same for every address, known or not, limited or not."""

    status: Literal["sent"] = "sent"


class Verify(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The token of a magic link."""

    token: Annotated[_Token, Meta(description="What stands after `#token=` in the link.")]


class Refresh(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A refresh token, unless the cookie carries it."""

    refresh_token: _Token | None = None


class Logout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far to sign out."""

    everywhere: Annotated[bool, Meta(description="All sessions of this user, not only this one.")] = False


class User(msgspec.Struct, frozen=True):
    """A person, known by an e-mail address."""

    id: UUID
    email: str
    created_at: Instant


class Tenant(msgspec.Struct, frozen=True):
    """Who owns jobs, queues and secrets."""

    id: UUID
    name: str
    created_at: Instant


class Me(msgspec.Struct, frozen=True):
    """Who is asking."""

    user: Annotated[User | None, Meta(description="Null for an API token.")]
    tenant: Tenant
    scopes: Annotated[list[Scope], Meta(description="What the credential allows.")]


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """A session's tokens."""

    access_token: str
    """Send it as `Authorization: Bearer …`."""
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105
    expires_in: int = ACCESS_SECONDS
    """Seconds the access token lives."""
    refresh_token: str | None
    """Good for one refresh; null where the cookie carries it."""
    user: User
    tenant: Tenant
