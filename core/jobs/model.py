"""The words of a job's life, and what travels between the processes.

Targets, policies and bodies are stored as they were submitted; nothing here decides anything.
"""

from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Annotated
from uuid import UUID

import msgspec

TIMEOUT_SECONDS = 30
"""For one attempt, if neither its job nor its queue says otherwise."""


class State(StrEnum):
    """Where a job stands, as users see it: derived from the table that holds it, stored only in endings."""

    SCHEDULED = "scheduled"
    """Not yet due, or waiting for its retry."""
    QUEUED = "queued"
    """Due, waiting for a slot."""
    RUNNING = "running"
    """A replica holds a lease on it."""
    CANCELLING = "cancelling"
    """Running, and its cancellation was asked for."""
    SUCCEEDED = "succeeded"
    """The target answered as the success rule asks. Final."""
    FAILED = "failed"
    """Given up for good; it is a dead letter. Final."""
    CANCELLED = "cancelled"
    """Stopped at the user's wish. Final."""


class Outcome(StrEnum):
    """How one attempt ended."""

    SUCCEEDED = "succeeded"
    """Answered as the success rule asks."""
    FAILED = "failed"
    """Answered otherwise, or could not be reached."""
    TIMED_OUT = "timed_out"
    """Did not answer within the deadline."""
    BLOCKED = "blocked"
    """Never sent: the destination is refused, or the job had expired."""
    LOST = "lost"
    """Its replica stopped beating; whether the call was made is not known."""
    CANCELLED = "cancelled"
    """Aborted because the job was cancelled."""
    INTERRUPTED = "interrupted"
    """Cut off by the replica's shutdown; tried again as the next number."""


class Event(StrEnum):
    """What the history of a job can say: what became of it, told by the transaction that made it true; and
    between the start and the end of an attempt of code, what that told about itself."""

    CREATED = "created"
    QUEUED = "queued"
    STARTED = "started"
    RETRYING = "retrying"
    RETURNED = "returned"
    EDITED = "edited"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DEAD_LETTERED = "dead_lettered"
    CANCELLED = "cancelled"
    REPLAYED = "replayed"
    ARTIFACTS_LOST = "artifacts_lost"
    PROGRESS = "progress"
    CUSTOM = "custom"
    HOOK = "hook"
    LOGGED = "logged"
    CHECKED_IN = "checked_in"
    DROPPED = "dropped"


TOLD = (Event.PROGRESS, Event.CUSTOM, Event.HOOK, Event.LOGGED, Event.CHECKED_IN, Event.DROPPED)
"""What the code of an attempt tells, and how much of it is not here."""


class TargetType(StrEnum):
    """The kinds of target that are built."""

    HTTP = "http"
    CONTAINER = "container"
    FUNCTION = "function"


class Needs(IntEnum):
    """What a replica must offer to carry a job out, as it is stored. A number never changes its meaning."""

    HTTP = 0
    PROCESS = 1
    DOCKER = 2
    KUBERNETES = 3
    FUNCTION = 4


class BodyKind(StrEnum):
    """In which of its forms a body was submitted, so that reads show the same one."""

    NONE = "none"
    JSON = "json"
    TEXT = "text"
    BASE64 = "base64"


class HttpTarget(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP request to make, as stored. Secret headers' values are sealed apart, their names stand here."""

    url: str
    method: str = "POST"
    headers: dict[str, str] = {}
    secret_headers: tuple[str, ...] = ()
    body_kind: BodyKind = BodyKind.NONE
    definition: str | msgspec.UnsetType = msgspec.UNSET
    """`key@version` of the one that the job was made by."""


class Lease(msgspec.Struct, frozen=True):
    """One attempt that this replica owns, with all it needs. Field order is the claim statement's."""

    job_id: UUID
    attempt: int
    lease_token: UUID
    tenant_id: UUID
    queue_id: UUID
    losses: int
    due_at: float
    """Epoch seconds by the database's clock."""
    deadline_at: float
    """Epoch seconds; after this (and a margin) the reaper takes the lease."""
    expires_at: float | None
    """Epoch seconds; the job must not be delivered after it."""
    timeout_seconds: int
    target_type: str
    target: str
    """JSON of the target's Struct."""
    body: bytes
    sealed_headers: bytes | None
    success: str
    """JSON of the success rule."""
    retry: str
    """JSON of the retry policy."""
    request_id: str
    trace: str | None
    """The span that made the job, as `core.tracing.context.stored` reads it."""
    needs: int = Needs.HTTP


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a lease: an attempt's outcome, or (no outcome) given back before it was started."""

    job_id: UUID
    attempt: int
    lease_token: UUID
    outcome: Outcome | None
    retry_seconds: float | None = None
    """Wait before the next attempt; none when there is to be no other."""
    started_ago: float = 0.0
    """Seconds between the start of the attempt and the settling statement."""
    duration: float = 0.0
    """Seconds the attempt took."""
    request_id: str = ""
    bytes_sent: int = 0
    status: int | None = None
    headers: bytes | None = None
    """JSON object of the response's headers."""
    body: bytes | None = None
    truncated: bool = False
    error_code: str | None = None
    error_message: str | None = None


class Fate(StrEnum):
    """What a settlement did."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    RETRYING = "retrying"
    RETURNED = "returned"
    REPEATED = "repeated"
    """It had been applied before, by an earlier try of the same statement."""
    FENCED = "fenced"
    """Somebody else owns the job now; nothing was changed."""


class Settled(msgspec.Struct, frozen=True):
    """The answer for one settlement."""

    job_id: UUID
    lease_token: UUID
    fate: Fate
    due_at: float | None
    """When a retried or returned job is due again, epoch seconds."""


class Lane(msgspec.Struct, frozen=True):
    """Due work of a queue that needs the same."""

    queue_id: UUID
    tenant_id: UUID
    limited: bool = False
    """Whether what is claimed of it counts for a limit."""
    needs: int = Needs.HTTP


class Survey(msgspec.Struct, frozen=True):
    """What a replica sees when it looks: the clock, the next timer, the queues with due work."""

    now: float
    next_due: float | None
    lanes: tuple[Lane, ...]
    goes_on_after: UUID
    """Where the next look starts, since one names only so many queues."""


class Held(msgspec.Struct, frozen=True):
    """A lease as the table knows it."""

    job_id: UUID
    attempt: int
    lease_token: UUID
    cancel_requested: bool


class Expired(msgspec.Struct, frozen=True):
    """A lease whose replica stopped beating or that overran its deadline, locked for reaping."""

    job_id: UUID
    attempt: int
    lease_token: UUID
    losses: int
    held_seconds: float
    retry: str
    request_id: str
    expires_in: float | None
    """Seconds until the job must not be delivered any more."""
    trace: str | None = None
    """The span that made the job."""


class NewJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job to create: validated, serialised, sealed."""

    id: UUID
    tenant_id: UUID
    queue: str
    priority: int
    target_type: str
    target: str
    body: bytes
    sealed_headers: bytes | None
    timeout_seconds: int | None
    """None: as its queue says."""
    success: str
    retry: str | None
    """None: as its queue says."""
    labels: str
    fire_at: datetime | None
    """None means `delay_seconds` from now."""
    delay_seconds: float
    expires_at: datetime | None
    replay_of: UUID | None
    request_id: str
    trace: str | None
    scope: str = ""
    key: str | None = None
    request_hash: bytes | None = None
    uniqueness: str | None = None
    """JSON of the rule by which no twin may stand beside it."""
    needs: int = Needs.HTTP


class Created(msgspec.Struct, frozen=True):
    """The answer for one new job."""

    id: UUID
    created: bool
    """False: its idempotency key was used before."""
    queue_known: bool
    fire_at: datetime
    created_at: datetime
    timeout_seconds: int
    """What holds for it, by itself, by its queue or by default."""
    retry: str
    """JSON; what holds for it as well."""

    @property
    def due_in(self) -> float:
        """Seconds until it is due; zero or less when it is ready now."""
        return (self.fire_at - self.created_at).total_seconds()


Priority = Annotated[int, msgspec.Meta(ge=0, le=100)]
