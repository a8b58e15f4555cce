"""What the routes of queues take and give."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from app.jobs.schemas import EditRetry, Instant, RetryPolicy
from core.jobs.backoff import Retry

NAME = r"^(?![0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-)[A-Za-z0-9][A-Za-z0-9._-]*$"
"""Nothing that has to be escaped in a path, and nothing that could be an id."""

_Name = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        pattern=NAME,
        description="Letters, digits, `.`, `_` and `-`. It stands in paths as an id does.",
        examples=["imports"],
    ),
]
_Most = Annotated[int, Meta(ge=1, le=1_000_000)]
_Concurrency = Annotated[
    _Most | None,
    Meta(description="Jobs of it in flight at once, over all replicas; null is no limit."),
]
_Count = Annotated[int, Meta(ge=1, le=1_000_000, description="Jobs to start in a period.")]
_Period = Annotated[float, Meta(ge=0.1, le=86_400, description="Seconds.")]
_Burst = Annotated[
    int,
    Meta(ge=1, le=1_000_000, description="Jobs that may start at once after a pause; 1 spreads them out."),
]
_Seconds = Annotated[int, Meta(ge=1, le=3600)]
_Timeout = Annotated[
    _Seconds | None, Meta(description="Of jobs that give none; null is the default of this version.")
]
_RETRY = "The policy of jobs that give none; null is the default of this version."


class Rate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many starts in a period, spread evenly."""

    count: _Count
    period_seconds: _Period = 1.0
    burst: _Burst = 1


class EditRate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change of a rate; the rest stays."""

    count: _Count | UnsetType = UNSET
    period_seconds: _Period | UnsetType = UNSET
    burst: _Burst | UnsetType = UNSET


class CreateQueue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A named lane for jobs, with limits, a switch and defaults of its own."""

    name: _Name
    paused: bool = False
    max_concurrency: _Concurrency = None
    rate: Rate | None = None
    retry: Annotated[RetryPolicy | None, Meta(description=_RETRY)] = None
    timeout_seconds: _Timeout = None


class EditQueue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A merge patch (RFC 7396): what is left out stays, null takes it away."""

    name: _Name | UnsetType = UNSET
    paused: bool | UnsetType = UNSET
    max_concurrency: _Most | UnsetType | None = UNSET
    rate: EditRate | UnsetType | None = UNSET
    retry: EditRetry | UnsetType | None = UNSET
    timeout_seconds: _Seconds | UnsetType | None = UNSET


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """A queue, as it is now."""

    id: UUID
    name: str
    paused: Annotated[bool, Meta(description="Whether nothing of it is started.")]
    max_concurrency: _Concurrency
    rate: Rate | None
    retry: Annotated[Retry | None, Meta(description=_RETRY)]
    timeout_seconds: _Timeout
    created_at: Instant


class Queues(msgspec.Struct, frozen=True):
    """A page of queues, oldest first."""

    items: list[Queue]
    next_cursor: Annotated[str | None, Meta(description="Where the next page begins; null on the last one.")]
