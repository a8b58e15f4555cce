"""What the routes of tenants take and give."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from app.jobs.schemas import Instant
from app.limits.store import LARGEST_RATE
from app.tokens.schemas import FreshToken

_Name = Annotated[str, Meta(min_length=1, max_length=255)]
_Rate = Annotated[
    float,
    Meta(ge=0, le=LARGEST_RATE, description="Requests a second of all credentials; 0 is no limit."),
]
_Burst = Annotated[int, Meta(ge=1, le=1_000_000, description="Requests at once, after a pause.")]
_JobDays = Annotated[
    int,
    Meta(ge=0, le=3650, description="Days after its end for which a job is kept; 0 is for ever."),
]
_HistoryDays = Annotated[
    int,
    Meta(ge=0, le=3650, description="Days for which attempts and events are kept; 0 is for ever."),
]
_LetterDays = Annotated[
    int,
    Meta(ge=0, le=3650, description="Days for which a dead letter is kept to be replayed; 0 is for ever."),
]
_Concurrency = Annotated[
    int,
    Meta(
        ge=0, le=1_000_000, description="Jobs in flight at once, over all queues and replicas; 0 is no limit."
    ),
]


class CreateTenant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tenant that nobody signs in for, to be used by programs."""

    name: _Name


class TenantSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant, and what holds for it."""

    id: UUID
    name: str
    created_at: Instant
    request_rate: _Rate
    request_burst: _Burst
    keep_jobs_days: _JobDays
    keep_history_days: _HistoryDays
    keep_dead_letters_days: _LetterDays
    max_concurrency: _Concurrency


class CreatedTenant(msgspec.Struct, frozen=True):
    """A new tenant with its first API token, which is not shown again."""

    tenant: TenantSettings
    token: FreshToken


class ChangeTenant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A merge patch (RFC 7396): what is left out stays, null goes back to the default."""

    name: _Name | UnsetType = UNSET
    request_rate: _Rate | UnsetType | None = UNSET
    request_burst: _Burst | UnsetType | None = UNSET
    keep_jobs_days: _JobDays | UnsetType | None = UNSET
    keep_history_days: _HistoryDays | UnsetType | None = UNSET
    keep_dead_letters_days: _LetterDays | UnsetType | None = UNSET
    max_concurrency: _Concurrency | UnsetType | None = UNSET


class EraseTenant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That this is really meant."""

    confirm: Annotated[str, Meta(description="The tenant's name.")]


class Erasing(msgspec.Struct, frozen=True):
    """It is under way and cannot be stopped."""

    id: UUID
    status: Literal["erasing"] = "erasing"
