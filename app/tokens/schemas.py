"""What the routes of API tokens take and give."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from app.jobs.schemas import Instant
from app.principal import Scope

_Expiry = Annotated[Instant | None, Meta(description="From when it is refused; null is never.")]


class CreateToken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A credential for a program."""

    name: Annotated[str, Meta(min_length=1, max_length=255, description="For you to know it by.")]
    scopes: Annotated[
        list[Scope],
        Meta(min_length=1, max_length=16, description="What it allows; none includes another."),
    ]
    expires_at: _Expiry = None


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """An API token, without the part that opens anything."""

    id: UUID
    name: str
    prefix: Annotated[str, Meta(description="How the token begins.", examples=["nm_4fQ0aZ9x"])]
    scopes: list[Scope]
    created_at: Instant
    last_used_at: Annotated[Instant | None, Meta(description="To the minute.")]
    expires_at: _Expiry


class FreshToken(Token, frozen=True, kw_only=True):
    """A new API token. It is shown this once."""

    token: Annotated[str, Meta(description="Send it as `Authorization: Bearer …`.", examples=["nm_…"])]

    def __repr__(self) -> str:
        return f"FreshToken({self.id})"


class Tokens(msgspec.Struct, frozen=True):
    """A page of API tokens, newest first."""

    items: list[Token]
    next_cursor: Annotated[str | None, Meta(description="Where the next page begins; null on the last one.")]
