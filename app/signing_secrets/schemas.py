"""What the routes of signing secrets give."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from app.jobs.schemas import Instant


class SigningSecret(msgspec.Struct, frozen=True):
    """A secret that our calls are signed with, by Standard Webhooks."""

    id: UUID
    secret: Annotated[str, Meta(description="As verification libraries take it.", examples=["whsec_…"])]
    created_at: Instant
    expires_at: Annotated[
        Instant | None, Meta(description="Until when it signs besides a newer one; null for the newest.")
    ]

    def __repr__(self) -> str:
        return f"SigningSecret({self.id})"


class SigningSecrets(msgspec.Struct, frozen=True):
    """All that sign now, newest first."""

    items: list[SigningSecret]
    next_cursor: str | None = None


class RotateSecrets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long receivers may take to learn the new secret."""

    overlap_seconds: Annotated[
        int, Meta(ge=0, le=30 * 86_400, description="How long the others sign besides the new one.")
    ] = 86_400
