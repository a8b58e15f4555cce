"""What the audit's route gives."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta, Raw

from app.audit.model import Action
from app.jobs.schemas import Instant
from app.principal import Actor


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One change, and who made it."""

    id: UUID
    at: Instant
    actor: Actor
    actor_id: Annotated[UUID | None, Meta(description="The user's or the API token's.")]
    action: Action
    subject: Annotated[str, Meta(description="What was changed: an id, or a name.")]
    detail: Annotated[Raw, Meta(description="What is worth knowing about it: an object, or null.")]
    request_id: str


class Audit(msgspec.Struct, frozen=True):
    """A page of the audit, newest first."""

    items: list[Entry]
    next_cursor: Annotated[str | None, Meta(description="Where the next page begins; null on the last one.")]
