"""What a job becomes by an edit: what it asked for and the patch, merged, and judged as a whole new job is.

Decides and seals, and stores nothing. `Kept` is what the job's locked row says, `attempt` the number of the
attempt that the job waits for: once there was one, its target stands, because every delivery of a job carries
the same request.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from app.errors import Rejected
from app.jobs import checks, placing, reading, retargeting
from app.jobs.checks import Change
from app.jobs.content import Content
from app.jobs.retargeting import Draft, Means, Retargeted
from app.jobs.schemas import MAX_LABELS, EditJob, EditRetry, EditSuccess
from core.errors import Conflict, Fault, Invalid
from core.jobs.backoff import Retry
from core.jobs.model import HttpTarget
from core.jobs.success import Success

_encoder = msgspec.json.Encoder()
_ANY = UUID(int=0)
_ANYWHERE = "http://placeholder.invalid/"
_STANDS = "An attempt was made, and every attempt carries the same target. Cancel the job and create another."

P = TypeVar("P", Retry, Success)


class Kept(msgspec.Struct, frozen=True):
    """What a job asks for so far. Field order is the statement's."""

    target: str
    """JSON."""
    sealed_headers: bytes | None
    timeout_seconds: int
    success: str
    """JSON."""
    retry: str
    """JSON."""
    labels: str
    """JSON."""
    fire_at: datetime
    expires_at: datetime | None
    now: datetime
    """By the database's clock."""
    queue_id: UUID | None
    """Of the queue that the patch names, if there is one of that name."""
    queue: str = ""
    """Where it waits so far."""


class Revision(msgspec.Struct, frozen=True):
    """What to store. Field order is the statement's; None leaves the old value, unless it says otherwise."""

    fire_at: datetime | None
    priority: int | None
    queue_id: UUID | None
    target: str
    """JSON."""
    body: bytes | None
    sealed_headers: bytes | None
    """None is none."""
    timeout_seconds: int
    success: str
    """JSON."""
    retry: str
    """JSON."""
    labels: str
    """JSON."""
    expires_at: datetime | None
    """None is never."""
    changed: list[str]
    """Names of what the patch speaks of."""


_NO_HTTP = Fault("unsupported_target", "only an HTTP request can be changed", pointer="/target")


def revised(
    change: Change, kept: Kept, means: Means | None, *, attempt: int
) -> Revision | Conflict | Invalid | Rejected:
    """What to store of the changed job, or everything that is wrong with it."""
    patch, stood = change.rest.target, Retargeted(kept.target, kept.sealed_headers)
    if isinstance(patch, UnsetType) or checks.is_empty(patch):
        found = faults(change, kept, None, attempt=attempt)
        return Invalid(found) if found else _revision(change, kept, stood)
    if attempt > 1:
        return Conflict("job_not_editable", _STANDS)
    if not retargeting.is_http(stood):
        return Invalid([_NO_HTTP], code="unsupported_target")
    assert means is not None, "a change of the target needs them"
    draft = retargeting.draft(patch, change.body, stood, means)
    if found := faults(change, kept, draft, attempt=attempt):
        return Invalid(found)
    refusal = draft.refusal(means)
    return refusal or _revision(change, kept, retargeting.retargeted(draft, stood, means))


def faults(change: Change, kept: Kept, draft: Draft | None, *, attempt: int) -> list[Fault]:
    """Everything wrong with the changed job."""
    asked = change.rest
    return [
        *(draft.faults() if draft is not None else ()),
        *checks.times(change.fire_at, change.delay_seconds),
        *_queue(asked, kept),
        *_expiry(change, kept),
        *(checks.success(_success(asked, kept)) if asked.success is not UNSET else ()),
        *(_retry_faults(asked, kept, attempt) if asked.retry is not UNSET else ()),
        *(_label_faults(asked, kept) if asked.labels is not UNSET else ()),
    ]


def alone(change: Change, *, now: datetime) -> list[Fault]:
    """What is wrong with a patch whatever job it is for: seen beside a plain one, but for what that lacks."""
    patch = change.rest.target
    draft = None if isinstance(patch, UnsetType) else Draft(patch, change.body, HttpTarget(url=_ANYWHERE))
    kept = Kept("", None, 0, "{}", "{}", "{}", now, None, now, _ANY)
    found = faults(change, kept, draft, attempt=1)
    return [
        one for one in found if one.code != "unknown_header" and not str(one.pointer).startswith("/retry")
    ]


def _revision(change: Change, kept: Kept, target: Retargeted) -> Revision:
    asked = change.rest
    return Revision(
        fire_at=change.fires_at(kept.now),
        priority=change.priority,
        queue_id=kept.queue_id,
        target=target.target,
        body=change.body.data if isinstance(change.body, Content) else None,
        sealed_headers=target.sealed_headers,
        timeout_seconds=_or(asked.timeout_seconds, kept.timeout_seconds),
        success=_json(_success(asked, kept)),
        retry=_json(_retry(asked, kept)),
        labels=_json(_labels(asked, kept)),
        expires_at=_or(asked.expires_at, kept.expires_at),
        changed=_changed(change),
    )


def _changed(change: Change) -> list[str]:
    """Names only: values may be secret, and are read from the job."""
    asked = change.rest
    names = {name for name in EditJob.__struct_fields__ if not checks.is_empty(getattr(asked, name))}
    inner = [] if isinstance(asked.target, UnsetType) else retargeting.names(asked.target)
    if change.fire_at is not None or change.delay_seconds is not None:
        names.add("fire_at")
    if change.priority is not None:
        names.add("priority")
    return sorted(names - {"target", "delay_seconds"} | set(inner))


def _expiry(change: Change, kept: Kept) -> Iterator[Fault]:
    """Whichever of the two instants is given has to fit the other."""
    fire_at, expires_at = change.fires_at(kept.now), change.rest.expires_at
    if isinstance(expires_at, datetime):
        yield from checks.expiry(expires_at, max(fire_at or kept.fire_at, kept.now))
        return
    ends = kept.expires_at if expires_at is UNSET else None
    if fire_at is None or ends is None or not checks.in_range(fire_at):
        return
    if ends <= max(fire_at, kept.now):
        where = "/fire_at" if change.delay_seconds is None else "/delay_seconds"
        yield Fault("too_late", "must be before the job expires", pointer=where)


def _queue(asked: EditJob, kept: Kept) -> Iterator[Fault]:
    if isinstance(asked.queue, UnsetType):
        return
    if found := list(checks.lane(asked.queue, kept.queue)):
        yield from found
    elif kept.queue_id is None:
        yield placing.unknown_queue()


def _success(asked: EditJob, kept: Kept) -> Success:
    return merged(reading.successes(kept.success), asked.success, Success())


def _retry(asked: EditJob, kept: Kept) -> Retry:
    return merged(reading.retries(kept.retry), asked.retry, Retry())


def _retry_faults(asked: EditJob, kept: Kept, attempt: int) -> Iterator[Fault]:
    new = _retry(asked, kept)
    yield from checks.retry(new)
    if new.max_attempts < min(attempt, reading.retries(kept.retry).max_attempts):
        message = f"must be at least {attempt}: the number of the attempt that the job waits for"
        yield Fault("out_of_range", message, pointer="/retry/max_attempts")


def _labels(asked: EditJob, kept: Kept) -> dict[str, str]:
    if asked.labels is None:
        return {}
    given = {} if isinstance(asked.labels, UnsetType) else asked.labels
    both = reading.words.decode(kept.labels) | given
    return {name: value for name, value in both.items() if value is not None}


def _label_faults(asked: EditJob, kept: Kept) -> Iterator[Fault]:
    if isinstance(asked.labels, dict):
        yield from checks.labels(asked.labels)
    if len(_labels(asked, kept)) > MAX_LABELS:
        yield Fault("wrong_length", f"must have at most {MAX_LABELS} entries", pointer="/labels")


def merged(old: P, patch: EditRetry | EditSuccess | UnsetType | None, default: P) -> P:
    """What is null is the default again."""
    if patch is None:
        return default
    if isinstance(patch, UnsetType):
        return old
    given = ((name, getattr(patch, name)) for name in patch.__struct_fields__)
    fresh = {name: getattr(default, name) if value is None else value for name, value in given}
    return msgspec.structs.replace(
        old, **{name: value for name, value in fresh.items() if value is not UNSET}
    )


T = TypeVar("T")


def _or(given: T | UnsetType, old: T) -> T:
    return old if isinstance(given, UnsetType) else given


def _json(value: object) -> str:
    return _encoder.encode(value).decode()
