"""What the routes that act on many take and give. A body says which, or that it means all of them."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from app.jobs.schemas import Instant
from core.egress.urls import MAX_URL

_State = Literal["scheduled", "queued", "running"]
_Queue = Annotated[str, Meta(min_length=1, max_length=255, description="Name of one of your queues.")]
_Labels = Annotated[
    dict[str, str], Meta(max_length=32, description="All of these.", examples=[{"team": "billing"}])
]
_PartOfUrl = Annotated[
    str, Meta(min_length=1, max_length=MAX_URL, description="Part of the target's URL.", examples=["/hook"])
]
_Code = Annotated[str, Meta(min_length=1, max_length=255, examples=["timeout"])]
_PerSecond = Annotated[
    float, Meta(ge=0.01, le=10_000, description="Spread the new jobs' fire times, so many to a second.")
]
_Age = Annotated[
    int, Meta(ge=0, le=3_155_760_000, description="Those whose job failed so long ago or longer.")
]
_More = Annotated[bool, Meta(description="Whether time was up before all were seen: send the request again.")]


class Selection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which; all that is given must fit."""

    queue: _Queue | None = None
    labels: _Labels = {}
    url_contains: _PartOfUrl | None = None
    all: Annotated[bool, Meta(description="All of them; needed where no filter is given.")] = False
    dry_run: Annotated[bool, Meta(description="Only count.")] = False


class CancelJobs(Selection, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which jobs to cancel, of those that are not over."""

    state: Annotated[tuple[_State, ...], Meta(max_length=3, description="Any of these.")] = ()
    created_after: Instant | None = None
    created_before: Instant | None = None
    fire_after: Instant | None = None
    fire_before: Instant | None = None


class SelectLetters(Selection, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which dead letters."""

    error_code: Annotated[_Code | None, Meta(description="Of the error that ended the job.")] = None
    failed_after: Instant | None = None
    failed_before: Instant | None = None


class ReplayLetters(SelectLetters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which dead letters to replay, of those that were not."""

    per_second: _PerSecond | None = None


class PurgeLetters(SelectLetters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which dead letters to delete."""

    older_than_seconds: _Age | None = None


class CancelledJobs(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the jobs."""

    matched: Annotated[int, Meta(description="Jobs that fitted.")]
    cancelled: Annotated[int, Meta(description="That waited, and are cancelled.")]
    cancelling: Annotated[int, Meta(description="That run, and are being aborted.")]
    more: _More


class ReplayedLetters(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the dead letters."""

    matched: Annotated[int, Meta(description="Dead letters that fitted and had not been replayed.")]
    replayed: Annotated[int, Meta(description="For which there is a new job.")]
    more: _More


class PurgedLetters(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the dead letters."""

    matched: Annotated[int, Meta(description="Dead letters that fitted.")]
    purged: Annotated[int, Meta(description="That are gone.")]
    more: _More
