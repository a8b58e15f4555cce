"""What the routes of definitions take and give."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from app.jobs.code_schemas import Container, Env, Function, Params
from app.jobs.schemas import (
    MAX_LABELS,
    CreateAnyTarget,
    EditRetry,
    Instant,
    PriorityName,
    RetryPolicy,
    SuccessRule,
    Target,
)
from app.jobs.uniqueness import UniqueRule
from core.definitions.model import KEY, MAX_VERSION
from core.jobs.backoff import Retry
from core.jobs.model import Priority
from core.jobs.success import Success

_Key = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=100,
        pattern=f"^{KEY}$",
        description="Lower-case letters, digits, `.`, `_` and `-`.",
        examples=["reports.render"],
    ),
]
_Version = Annotated[int, Meta(ge=1, lt=MAX_VERSION, description="A version of the key; jobs keep theirs.")]
_Description = Annotated[str, Meta(max_length=1000, description="A sentence for people.")]
_Seconds = Annotated[int, Meta(ge=1, le=3600)]
_Timeout = Annotated[_Seconds | None, Meta(description="Of jobs that give none; null is the queue's.")]
_Queue = Annotated[str, Meta(min_length=1, max_length=255, description="Where its jobs wait.")]
_Priority = Annotated[PriorityName | Priority, Meta(description="Of jobs that give none.", examples=["high"])]
_Labels = Annotated[
    dict[str, Annotated[str, Meta(extra_json_schema={"maxLength": 255})]],
    Meta(max_length=MAX_LABELS, description="Of its jobs, beside their own.", examples=[{"team": "billing"}]),
]
_RETRY = "Of jobs that give none; null is the queue's."
_Most = Annotated[int, Meta(ge=1, le=1_000_000)]
_Limit = Annotated[
    _Most | None,
    Meta(
        description="Jobs of it in flight at once, over all replicas; null is no limit. They have a queue of "
        "their own, so no other can be named."
    ),
]
_Schema = Annotated[
    Raw,
    Meta(
        description="A JSON Schema (2020-12) of at most 64 KiB; references stay inside of it.",
        examples=[{"type": "object", "required": ["month"]}],
    ),
]
_PARAMS = "What params have to fit; null is anything."
_RESULT = "What a result has to fit, of code; null is anything."


class CreateDefinition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A template of jobs, called by `key@version`."""

    key: _Key
    version: _Version = 1
    description: _Description = ""
    target: CreateAnyTarget
    queue: _Queue = "default"
    priority: _Priority = "normal"
    timeout_seconds: _Timeout = None
    retry: Annotated[RetryPolicy | None, Meta(description=_RETRY)] = None
    success: SuccessRule = SuccessRule()
    labels: _Labels = {}
    concurrency_limit: _Limit = None
    params_schema: Annotated[_Schema | UnsetType, Meta(description=_PARAMS)] = UNSET
    result_schema: Annotated[_Schema | UnsetType, Meta(description=_RESULT)] = UNSET


class EditDefinition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A merge patch (RFC 7396): what is left out stays. Target, labels and schemas are replaced whole."""

    description: _Description | UnsetType = UNSET
    target: CreateAnyTarget | UnsetType = UNSET
    queue: _Queue | UnsetType = UNSET
    priority: _Priority | UnsetType = UNSET
    timeout_seconds: _Seconds | UnsetType | None = UNSET
    retry: EditRetry | UnsetType | None = UNSET
    success: SuccessRule | UnsetType = UNSET
    labels: _Labels | UnsetType = UNSET
    concurrency_limit: _Most | UnsetType | None = UNSET
    params_schema: Annotated[_Schema | UnsetType, Meta(description=_PARAMS)] = UNSET
    result_schema: Annotated[_Schema | UnsetType, Meta(description=_RESULT)] = UNSET


class RunDefinition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one job of a definition is to be like; whatever is left out is as the definition says."""

    params: Params | UnsetType = UNSET
    env: Env | UnsetType = UNSET
    fire_at: Annotated[Instant | None, Meta(description="When to fire; without it now.")] = None
    delay_seconds: Annotated[float, Meta(ge=0, le=3_155_760_000)] | None = None
    queue: _Queue | UnsetType = UNSET
    priority: _Priority | UnsetType = UNSET
    timeout_seconds: _Seconds | UnsetType = UNSET
    expires_at: Annotated[Instant | None, Meta(description="Not to be delivered after this.")] = None
    retry: Annotated[RetryPolicy | UnsetType, Meta(description="Whole.")] = UNSET
    success: SuccessRule | UnsetType = UNSET
    labels: _Labels = {}
    unique: UniqueRule | None = None


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """A definition, as it is now."""

    id: UUID
    key: str
    version: int
    name: Annotated[str, Meta(description="`key@version`.")]
    registered: Annotated[
        bool, Meta(description="Whether it is of a registered function: everybody's, and only to be read.")
    ]
    description: str
    target: Annotated[
        Target | Container | Function, Meta(description="As it was submitted; secrets read `***`.")
    ]
    queue: str
    priority: Priority
    timeout_seconds: int | None
    retry: Annotated[Retry | None, Meta(description=_RETRY)]
    default_max_attempts: Annotated[
        int, Meta(description="Of a job that gives no policy, in a queue that has none.")
    ]
    success: Success
    labels: dict[str, str]
    concurrency_limit: _Limit
    params_schema: Annotated[Raw | None, Meta(description=_PARAMS)]
    result_schema: Annotated[Raw | None, Meta(description=_RESULT)]
    created_at: Instant
    changed_at: Instant


class Definitions(msgspec.Struct, frozen=True):
    """A page of definitions, oldest first."""

    items: list[Definition]
    next_cursor: Annotated[str | None, Meta(description="Where the next page begins; null on the last one.")]
