"""What Noonmark answers, as frozen values.

A newer server may say more: unknown fields are ignored, and an unknown word of a closed set reads `unknown`.
Times always carry an offset. A secret never shows in a `repr`.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

T = TypeVar("T")

Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class State(StrEnum):
    """Where a job stands."""

    SCHEDULED = "scheduled"
    """Not yet due, or waiting for its retry."""
    QUEUED = "queued"
    """Due, waiting for a slot."""
    RUNNING = "running"
    """Its target is being called."""
    CANCELLING = "cancelling"
    """Running, and its cancellation was asked for."""
    SUCCEEDED = "succeeded"
    """The target answered as the success rule asks. Final."""
    FAILED = "failed"
    """Given up for good; it is a dead letter. Final."""
    CANCELLED = "cancelled"
    """Stopped at the user's wish. Final."""
    UNKNOWN = "unknown"
    """A word this client does not know: update it."""

    @classmethod
    def _missing_(cls, value: object) -> "State":
        return cls.UNKNOWN

    @property
    def final(self) -> bool:
        """Whether it never changes any more."""
        return self in _FINAL


_FINAL = {State.SUCCEEDED, State.FAILED, State.CANCELLED}


class Outcome(StrEnum):
    """How one attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    BLOCKED = "blocked"
    LOST = "lost"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    UNKNOWN = "unknown"
    """A word this client does not know: update it."""

    @classmethod
    def _missing_(cls, value: object) -> "Outcome":
        return cls.UNKNOWN


class Retry(msgspec.Struct, frozen=True):
    """A retry policy."""

    max_attempts: int = 4
    """Attempts in all, the first included; 1 means at most once."""
    backoff: str = "exponential"
    """Or `linear`."""
    base_seconds: float = 30.0
    max_seconds: float = 3600.0
    jitter: float = 0.25


class Success(msgspec.Struct, frozen=True):
    """Which statuses count as success."""

    status: tuple[str, ...] = ("2xx",)


class Unique(msgspec.Struct, frozen=True):
    """By what no two jobs of a queue may stand at once."""

    key: str | None = None
    """None: by the request itself."""
    window_seconds: int | None = None
    """For so long after its creation a job stands even once it succeeded."""
    on_conflict: str = "reject"
    """Or `return`: the job that stands is the answer; or `replace`: it is cancelled if it has not started."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What a job does. The first fields are of a request, of whose bodies at most one is set; lists leave
    bodies and params out. The others are of code."""

    url: str = ""
    method: str = "POST"
    type: str = "http"
    headers: dict[str, str] = {}
    """Secret ones read `***`."""
    secret_headers: tuple[str, ...] = ()
    body: Any = UNSET
    body_text: str | UnsetType = UNSET
    body_base64: str | UnsetType = UNSET
    runtime: str | None = None
    image: str | None = None
    command: tuple[str, ...] = ()
    env: dict[str, str] = {}
    function: str | None = None
    """`key@version`."""
    params: Any = UNSET

    def __str__(self) -> str:
        if self.type == "http":
            return f"{self.method} {self.url}"
        if self.function is not None:
            return self.function
        return " ".join(part for part in (self.image, *self.command) if part)


class JobError(msgspec.Struct, frozen=True):
    """Why an attempt did not succeed."""

    code: str
    message: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the target answered: text where it is UTF-8, else base64."""

    status: int
    headers: dict[str, str] = {}
    body: str | UnsetType = UNSET
    body_base64: str | UnsetType = UNSET
    truncated: bool = False


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job, as it was when the server answered."""

    id: UUID
    state: State
    target: Target
    fire_at: Instant
    created_at: Instant
    queue: str = "default"
    priority: int = 50
    timeout_seconds: float = 30
    retry: Retry = Retry()
    labels: dict[str, str] = {}
    success: Success = Success()
    attempts_made: int = 0
    attempts_left: int = 0
    expires_at: Instant | None = None
    next_attempt_at: Instant | None = None
    """While it waits for an attempt."""
    started_at: Instant | None = None
    finished_at: Instant | None = None
    cancel_requested_at: Instant | None = None
    last_error: JobError | None = None
    definition: str | None = None
    """Which it was made by: `key@version`."""
    result: Any = None
    """The answer that counted as success, see `answer`; of code, whatever JSON it left as its result."""
    result_error: JobError | None = None
    """Why there is no result, although code left one."""
    waiting_for: str | None = None
    """What no live scheduler offers, if that is why the job does not start."""
    replay_of: UUID | None = None
    unique: Unique | None = None

    @property
    def answer(self) -> Answer | None:
        """What the target of a call answered."""
        if self.target.type != "http" or self.result is None:
            return None
        return msgspec.convert(self.result, Answer)


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try at a job; what is None is not known yet."""

    number: int
    started_at: Instant
    outcome: Outcome | None = None
    finished_at: Instant | None = None
    duration_ms: float | None = None
    replica_id: UUID | None = None
    request_id: str | None = None
    bytes_sent: int | None = None
    response: Answer | None = None
    exit_code: int | None = None
    """Of code."""
    result: Any = None
    """Of code: what it left, also where it failed."""
    result_error: JobError | None = None
    error: JobError | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a job."""

    id: UUID
    kind: str
    at: Instant
    attempt: int | None = None
    data: Any = None


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line that an attempt printed."""

    position: str
    """Its place in all that the job printed."""
    attempt: int
    stream: str
    """`stdout` or `stderr`."""
    at: Instant
    text: str
    mark: str | None = None
    """`cut`: it goes on in the next line of its stream; `truncated`, `dropped`: something is missing."""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A job that failed for good, with its own copy of the request."""

    id: UUID
    """The job's."""
    target: Target
    fire_at: Instant
    created_at: Instant
    failed_at: Instant
    queue: str = "default"
    priority: int = 50
    timeout_seconds: float = 30
    retry: Retry = Retry()
    labels: dict[str, str] = {}
    success: Success = Success()
    attempts_made: int = 0
    definition: str | None = None
    """Which it was made by: `key@version`."""
    expires_at: Instant | None = None
    last_error: JobError | None = None
    replayed_as: UUID | None = None


class SigningSecret(msgspec.Struct, frozen=True, kw_only=True):
    """What receivers verify deliveries with."""

    id: UUID
    secret: str
    created_at: Instant
    expires_at: Instant | None = None
    """Until when it signs besides a newer one; None for the newest."""

    def __repr__(self) -> str:
        return f"SigningSecret({self.id})"


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """An API token, without the part that opens anything."""

    id: UUID
    name: str
    created_at: Instant
    prefix: str = ""
    """How the token begins."""
    scopes: tuple[str, ...] = ()
    last_used_at: Instant | None = None
    expires_at: Instant | None = None


class FreshToken(Token, frozen=True, kw_only=True):
    """A new API token. It is shown this once."""

    token: str

    def __repr__(self) -> str:
        return f"FreshToken({self.id})"


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """So many starts in a period, spread evenly."""

    count: int
    period_seconds: float = 1.0
    burst: int = 1
    """How many may start at once after a pause."""


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """A lane for jobs, with limits, a switch and defaults of its own."""

    id: UUID
    name: str
    paused: bool = False
    """Whether nothing of it is started."""
    max_concurrency: int | None = None
    """Jobs in flight at once; None is no limit."""
    rate: Rate | None = None
    retry: Retry | None = None
    """For jobs that give none; None is the server's default."""
    timeout_seconds: int | None = None
    """For jobs that give none; None is the server's default."""
    created_at: datetime


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A person, known by an e-mail address."""

    id: UUID
    email: str


class Tenant(msgspec.Struct, frozen=True, kw_only=True):
    """Who owns jobs, queues and secrets."""

    id: UUID
    name: str = ""


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Who is asking."""

    tenant: Tenant
    user: User | None = None
    """None for the token of a program."""
    scopes: tuple[str, ...] = ()
    """What the token allows."""


class Page(msgspec.Struct, Generic[T], frozen=True):
    """A part of a list."""

    items: tuple[T, ...]
    next_cursor: str | None = None
    """Where the next page begins; None on the last one."""


class Many(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to many at once."""

    matched: int = 0
    """How many fitted."""
    more: bool = False
    """Whether not all were looked at; then the numbers are of a part."""


class Cancelled(Many, frozen=True, kw_only=True):
    """What became of jobs."""

    cancelled: int = 0
    """They waited, and are cancelled."""
    cancelling: int = 0
    """They run, and are being aborted."""


class Replayed(Many, frozen=True, kw_only=True):
    """What became of dead letters."""

    replayed: int = 0
    """For which there is a new job."""


class Purged(Many, frozen=True, kw_only=True):
    """What became of dead letters."""

    purged: int = 0
    """That are gone."""
