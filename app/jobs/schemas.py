"""What the routes of jobs take and give.

These are the schemas of the OpenAPI document too. What a schema cannot say is in `app.jobs.checks`.
"""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from app.jobs.code_schemas import (
    Container,
    CreateContainer,
    CreateFunction,
    Definition,
    Env,
    Function,
    Params,
)
from app.jobs.uniqueness import Unique, UniqueRule
from core.egress.urls import MAX_URL
from core.jobs.backoff import Backoff, Retry
from core.jobs.model import TIMEOUT_SECONDS, Event, Outcome, Priority, State
from core.jobs.success import Success

Instant = Annotated[
    datetime,
    Meta(tz=True, description="RFC 3339, with an offset.", examples=["2027-01-01T09:00:00+01:00"]),
]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]
PriorityName = Literal["critical", "high", "normal", "low"]
MAX_BATCH = 1000
MAX_LABELS = 32
PRIORITIES: dict[str, int] = {"critical": 100, "high": 75, "normal": 50, "low": 0}

_FireAt = Annotated[Instant, Meta(description="When to fire; an instant that has passed means now.")]
_ExpiresAt = Annotated[
    datetime,
    Meta(tz=True, description="Not to be delivered after this.", examples=["2027-01-01T10:00:00+01:00"]),
]
_Delay = Annotated[
    float,
    Meta(ge=0, le=3_155_760_000, description="Seconds from now, instead of `fire_at`."),
]
_Timeout = Annotated[int, Meta(ge=1, le=3600, description="Seconds one attempt may take in all.")]
_Queue = Annotated[str, Meta(min_length=1, max_length=255, description="Name of one of your queues.")]
_Priority = Annotated[
    PriorityName | Priority,
    Meta(description="critical 100, high 75, normal 50, low 0, or a number.", examples=["high", 60]),
]
_Labels = Annotated[
    dict[str, Annotated[str, Meta(extra_json_schema={"maxLength": 255})]],
    Meta(
        max_length=MAX_LABELS,
        description="Your own words about the job. Names have 1 to 63 characters, values at most 255.",
        examples=[{"team": "billing"}],
    ),
]
_Headers = Annotated[
    dict[str, str], Meta(description="Sent as they are given.", examples=[{"X-Team": "billing"}])
]
_Url = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_URL,
        description="Absolute, http or https; a public address unless the operator allowed others.",
        examples=["https://example.com/hook"],
    ),
]
_Json = Annotated[Raw, Meta(description="Any JSON value.", examples=[{"any": "json"}])]


class CreateTarget(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="http"
):
    """The HTTP request to make. At most one of the three forms of a body."""

    url: _Url
    method: Method = "POST"
    headers: _Headers = {}
    secret_headers: Annotated[
        tuple[str, ...],
        Meta(
            max_length=64,
            description="Names of headers to keep secret. Those that are named like a credential are anyway.",
            examples=[["X-Team"]],
        ),
    ] = ()
    body: Annotated[
        _Json | UnsetType, Meta(description="Any JSON value; sent compactly, as application/json.")
    ] = UNSET
    body_text: Annotated[str | None, Meta(description="Sent as UTF-8.")] = None
    body_base64: Annotated[str | None, Meta(description="Standard base64; the bytes are sent.")] = None


class SuccessRule(Success, frozen=True, forbid_unknown_fields=True):
    """Which statuses count as success: classes (`2xx`), statuses (`404`) and ranges (`200-204`)."""


class RetryPolicy(Retry, frozen=True, forbid_unknown_fields=True):
    """When to try again."""


CreateAnyTarget = CreateTarget | CreateContainer | CreateFunction


class CreateJob(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A job to be done: what, by a target or by a definition, and when. Without a fire time it is due now."""

    target: CreateAnyTarget | UnsetType = UNSET
    definition: Definition | UnsetType = UNSET
    params: Params | UnsetType = UNSET
    env: Env | UnsetType = UNSET
    fire_at: _FireAt | None = None
    delay_seconds: _Delay | None = None
    queue: Annotated[
        _Queue | UnsetType, Meta(description="Name of one of your queues; else the definition's, or default.")
    ] = UNSET
    priority: Annotated[
        _Priority | UnsetType, Meta(description="Without it the definition's, or normal.")
    ] = UNSET
    timeout_seconds: Annotated[
        _Timeout | UnsetType, Meta(description=f"Without it the queue's, or {TIMEOUT_SECONDS}.")
    ] = UNSET
    expires_at: _ExpiresAt | None = None
    success: Annotated[SuccessRule | UnsetType, Meta(description="Without it the definition's, or 2xx.")] = (
        UNSET
    )
    retry: Annotated[
        RetryPolicy | UnsetType, Meta(description="Whole; without it the queue's, or the default one.")
    ] = UNSET
    labels: _Labels = {}
    unique: UniqueRule | None = None

    @property
    def aim(self) -> CreateAnyTarget:
        """The target of a job that has one, by itself or from its definition."""
        assert not isinstance(self.target, UnsetType)
        return self.target


class CreateHttpJob(CreateJob, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same with the one target that need not say its type; most jobs are read in this form."""

    target: CreateTarget


class CreateHttpJobs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Jobs of that form."""

    jobs: Annotated[tuple[CreateHttpJob, ...], Meta(min_length=1, max_length=MAX_BATCH)]


class CreateJobs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Jobs to be done, all of them or none."""

    jobs: Annotated[
        tuple[CreateJob, ...],
        Meta(
            min_length=1,
            max_length=MAX_BATCH,
            description="Up to 1,000; each is what creating one job takes.",
            examples=[[{"target": {"url": "https://example.com/hook"}, "delay_seconds": 60}]],
        ),
    ]


class EditTarget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change of the request; the rest stays."""

    type: Literal["http"] | UnsetType = UNSET
    url: _Url | UnsetType = UNSET
    method: Method | UnsetType | None = UNSET
    headers: Annotated[
        dict[str, str | None] | UnsetType | None,
        Meta(
            description="Headers to set; null takes one away. Secret ones that are not named stay.",
            examples=[{"X-Team": "billing", "X-Old": None}],
        ),
    ] = UNSET
    secret_headers: Annotated[
        Annotated[tuple[str, ...], Meta(max_length=64)] | UnsetType | None,
        Meta(description="The new list of headers to keep secret.", examples=[["X-Team"]]),
    ] = UNSET
    body: Annotated[
        _Json | UnsetType,
        Meta(description="A new body, whole: it is not merged. Null takes the body away, whatever its form."),
    ] = UNSET
    body_text: Annotated[str | UnsetType | None, Meta(description="A new body, sent as UTF-8.")] = UNSET
    body_base64: Annotated[str | UnsetType | None, Meta(description="A new body of any bytes.")] = UNSET


class EditSuccess(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change of the success rule; null is the default again."""

    status: tuple[str, ...] | UnsetType | None = UNSET


class EditRetry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change of the retry policy; the rest stays, null is the default again."""

    max_attempts: Annotated[int, Meta(ge=1, le=21)] | UnsetType | None = UNSET
    backoff: Backoff | UnsetType | None = UNSET
    base_seconds: Annotated[float, Meta(ge=0, le=604_800)] | UnsetType | None = UNSET
    max_seconds: Annotated[float, Meta(ge=0, le=604_800)] | UnsetType | None = UNSET
    jitter: Annotated[float, Meta(ge=0, le=1)] | UnsetType | None = UNSET


class EditJob(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A merge patch (RFC 7396) of a job that still waits: what is left out stays."""

    target: Annotated[EditTarget | UnsetType, Meta(description="Only while no attempt has been made.")] = (
        UNSET
    )
    fire_at: _FireAt | UnsetType = UNSET
    delay_seconds: _Delay | UnsetType = UNSET
    queue: _Queue | UnsetType = UNSET
    priority: _Priority | UnsetType = UNSET
    timeout_seconds: _Timeout | UnsetType = UNSET
    expires_at: _ExpiresAt | UnsetType | None = UNSET
    success: EditSuccess | UnsetType | None = UNSET
    retry: EditRetry | UnsetType | None = UNSET
    labels: Annotated[
        dict[str, Annotated[str, Meta(extra_json_schema={"maxLength": 255})] | None] | UnsetType | None,
        Meta(
            description="Labels to set; null takes one away. A job has at most 32.",
            examples=[{"team": "billing", "old": None}],
        ),
    ] = UNSET


class RetryChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change of a retry policy; the rest stays."""

    max_attempts: Annotated[int, Meta(ge=1, le=21)] | UnsetType = UNSET
    backoff: Backoff | UnsetType = UNSET
    base_seconds: Annotated[float, Meta(ge=0, le=604_800)] | UnsetType = UNSET
    max_seconds: Annotated[float, Meta(ge=0, le=604_800)] | UnsetType = UNSET
    jitter: Annotated[float, Meta(ge=0, le=1)] | UnsetType = UNSET


class ReplayJob(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a replay does differently; without a fire time it is due now."""

    fire_at: _FireAt | None = None
    delay_seconds: _Delay | None = None
    queue: _Queue | None = None
    priority: _Priority | None = None
    retry: RetryChange | None = None


class Target(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="http"):
    """The HTTP request, as it was submitted; secret headers read `***`. Lists leave the body out."""

    url: str
    method: str
    headers: dict[str, str]
    secret_headers: tuple[str, ...]
    body: _Json | UnsetType = UNSET
    body_text: str | UnsetType = UNSET
    body_base64: str | UnsetType = UNSET


class JobError(msgspec.Struct, frozen=True):
    """Why an attempt did not succeed."""

    code: str
    """Stable, for programs."""
    message: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the target answered: text where it is UTF-8, else base64."""

    status: int
    headers: Annotated[dict[str, str], Meta(description="As received.")]
    body: str | UnsetType = UNSET
    body_base64: str | UnsetType = UNSET
    truncated: Annotated[bool, Meta(description="Whether only the beginning of the body was kept.")]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job, as it is now. Lists leave out the bodies of its target and of its result."""

    id: UUID
    state: State
    definition: Annotated[str | None, Meta(description="Which it was made by: `key@version`.")] = None
    target: Target | Container | Function
    fire_at: Instant
    next_attempt_at: Annotated[Instant | None, Meta(description="While it waits for an attempt.")]
    queue: str
    priority: Priority
    timeout_seconds: int
    retry: Retry
    labels: dict[str, str]
    expires_at: Instant | None
    success: Success
    attempts_made: int
    attempts_left: int
    last_error: Annotated[JobError | None, Meta(description="Of the last attempt that did not succeed.")]
    result: Annotated[
        Answer | Raw | None,
        Meta(description="The answer that counted as success; of code, whatever JSON it left as its result."),
    ]
    result_error: Annotated[
        JobError | None, Meta(description="Why there is no result, although code left one.")
    ] = None
    waiting_for: Annotated[
        str | None,
        Meta(
            description="What no live scheduler offers, if that is why a due job does not start: "
            "`process`, `docker`, `kubernetes`, `function`. Null in lists."
        ),
    ] = None
    created_at: Instant
    started_at: Annotated[Instant | None, Meta(description="Start of the first attempt.")]
    finished_at: Instant | None
    cancel_requested_at: Instant | None
    replay_of: UUID | None
    unique: Annotated[Unique | None, Meta(description="By what it is unique, if it is.")]


class CreatedJobs(msgspec.Struct, frozen=True):
    """The jobs of a batch, in the order they were given, without their bodies."""

    items: list[Job]
    returned: Annotated[
        list[int], Meta(description="Places of those that are twins which stood before, from 0.")
    ] = []


class JobPage(msgspec.Struct, frozen=True):
    """A page of jobs, newest first, without their bodies."""

    items: list[Job]
    next_cursor: Annotated[
        str | None,
        Meta(description="Where the next page begins, also of a short or an empty one; null on the last."),
    ]


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try; what is null is not known yet."""

    number: int
    outcome: Annotated[Outcome | None, Meta(description="Null while the attempt is under way.")]
    started_at: Instant
    finished_at: Instant | None
    duration_ms: float | None
    replica_id: UUID
    request_id: str
    bytes_sent: int | None
    response: Answer | None
    exit_code: Annotated[int | None, Meta(description="Of code; 128 + n where signal n ended it.")] = None
    result: Annotated[_Json | UnsetType, Meta(description="Of code: what it left, also where it failed.")] = (
        UNSET
    )
    result_error: Annotated[
        JobError | None, Meta(description="Of code: why there is no result, although it left one.")
    ] = None
    error: JobError | None


class Attempts(msgspec.Struct, frozen=True):
    """All attempts of a job, in order."""

    items: list[Attempt]
    next_cursor: str | None = None


class HistoryEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a job."""

    id: UUID
    kind: Event
    at: Instant
    attempt: int | None
    data: Annotated[Raw, Meta(description="What is worth knowing about it: an object, or null.")]


class Events(msgspec.Struct, frozen=True):
    """A page of a job's history, oldest first."""

    items: list[HistoryEvent]
    next_cursor: Annotated[str | None, Meta(description="Where the next page begins; null on the last one.")]
