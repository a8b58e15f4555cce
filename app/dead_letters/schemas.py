"""What the routes of dead letters give."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from app.jobs.code_schemas import Container, Function
from app.jobs.schemas import Instant, JobError, Target
from core.jobs.backoff import Retry
from core.jobs.model import Priority
from core.jobs.success import Success


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A job that failed for good, with its own copy of the request."""

    id: Annotated[UUID, Meta(description="The job's.")]
    definition: Annotated[str | None, Meta(description="Which it was made by: `key@version`.")] = None
    target: Target | Container | Function
    fire_at: Instant
    queue: str
    priority: Priority
    timeout_seconds: int
    retry: Retry
    labels: dict[str, str]
    expires_at: Instant | None
    success: Success
    attempts_made: int
    last_error: Annotated[JobError | None, Meta(description="What ended it.")]
    created_at: Instant
    failed_at: Instant
    replayed_as: Annotated[UUID | None, Meta(description="The job that replays it.")]


class DeadLetters(msgspec.Struct, frozen=True):
    """A page of dead letters, newest job first, without their bodies."""

    items: list[DeadLetter]
    next_cursor: Annotated[
        str | None,
        Meta(description="Where the next page begins, also of a short or an empty one; null on the last."),
    ]
