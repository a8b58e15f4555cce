"""What can be wrong with a job that its schema cannot say. Every fault is found, not only the first.

Pure: nothing is resolved, nothing is stored, and the clock is handed in. Whether an expiry lies ahead is a
courtesy judged by our own clock; at the moment of delivery the database's decides.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import msgspec
from msgspec import UNSET, UnsetType

from app.faults import escaped
from app.jobs import code, content, masking
from app.jobs.code import CreateCode
from app.jobs.content import Content
from app.jobs.schemas import (
    PRIORITIES,
    CreateJob,
    CreateTarget,
    EditJob,
    EditRetry,
    EditSuccess,
    EditTarget,
    PriorityName,
)
from core.egress.guard import Egress
from core.egress.headers import check_headers
from core.egress.urls import Refusal, Url, parse_url
from core.errors import Fault, Invalid
from core.jobs.backoff import Retry
from core.jobs.success import StatusSet, Success, parse_success

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
LANE_MARK = ":"
"""In the name of every lane of a definition or function, and in no other name of a queue."""
YEARS = "must be in the years 1970 to 2199"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Change(msgspec.Struct, frozen=True):
    """What to change of a job. The first three are what moves it; None leaves them."""

    fire_at: datetime | None
    delay_seconds: float | None
    priority: int | None
    rest: EditJob = EditJob()
    """The patch itself."""
    body: Content | Fault | None = None
    """A new body, if the patch has one."""

    def fires_at(self, now: datetime) -> datetime | None:
        """The new fire time, if there is one."""
        return self.fire_at if self.delay_seconds is None else now + timedelta(seconds=self.delay_seconds)


# Many jobs call the same few URLs, and have one of a few rules.
parsed = lru_cache(maxsize=1024)(parse_url)
_statuses = lru_cache(maxsize=256)(parse_success)


def faults(asked: CreateJob, *, now: datetime, body: Content | Fault | None = None) -> list[Fault]:
    """Everything wrong with a new job, whose body may have been taken already."""
    return [
        *_aim(asked, body),
        *times(asked.fire_at, asked.delay_seconds),
        *(() if isinstance(asked.queue, UnsetType) else lane(asked.queue)),
        *_expiry(asked, now),
        *(() if isinstance(asked.success, UnsetType) else success(asked.success)),
        *(() if isinstance(asked.retry, UnsetType) else retry(asked.retry)),
        *labels(asked.labels),
    ]


def _aim(asked: CreateJob, body: Content | Fault | None) -> Iterator[Fault]:
    """What is to be done is said once: by a target, or by a definition with what that is to get."""
    by_definition = not isinstance(asked.definition, UnsetType)
    if not isinstance(asked.target, UnsetType):
        yield from target(asked.target, body or code.body(asked.target))
    elif not by_definition:
        yield Fault("missing", "is required, or a definition", pointer="/target")
    if by_definition and not isinstance(asked.target, UnsetType):
        yield Fault("conflicting", "give target or definition, not both", pointer="/definition")
    for name in ("params", "env") if not by_definition else ():
        if getattr(asked, name) is not UNSET:
            yield Fault("conflicting", "goes with a definition; else it is the target's", pointer=f"/{name}")


def lane(queue: str | None, old: str = "") -> Iterator[Fault]:
    """Only definitions put jobs into their lanes, and those stay there."""
    if queue is None or queue == old:
        return
    if LANE_MARK in old:
        yield Fault("conflicting", "is that of its definition, which is limited", pointer="/queue")
    elif LANE_MARK in queue:
        yield Fault("unknown_queue", "is not one of your queues", pointer="/queue")


def change(asked: EditJob) -> Change:
    """What to change of a job. Nothing is judged yet."""
    return Change(
        fire_at=None if isinstance(asked.fire_at, UnsetType) else asked.fire_at,
        delay_seconds=None if isinstance(asked.delay_seconds, UnsetType) else asked.delay_seconds,
        priority=None if isinstance(asked.priority, UnsetType) else priority(asked.priority),
        rest=asked,
        body=None if isinstance(asked.target, UnsetType) else content.changed(asked.target),
    )


def is_empty(asked: object) -> bool:
    """Whether a patch says nothing, on any level: `{}`, `{"target": {}}`."""
    match asked:
        case EditJob() | EditTarget() | EditRetry() | EditSuccess():
            return all(is_empty(getattr(asked, name)) for name in asked.__struct_fields__)
        case dict():
            return not asked
        case _:
            return asked is UNSET


def priority(given: PriorityName | int) -> int:
    """A priority as a number."""
    return PRIORITIES[given] if isinstance(given, str) else given


def times(fire_at: datetime | None, delay_seconds: float | None) -> Iterator[Fault]:
    """At most one fire time, and one that every layer below can hold."""
    if fire_at is not None and delay_seconds is not None:
        yield Fault("conflicting", "give fire_at or delay_seconds, not both", pointer="/delay_seconds")
    if fire_at is not None and not in_range(fire_at):
        yield Fault("out_of_range", YEARS, pointer="/fire_at")


def in_range(at: datetime) -> bool:
    """Whether every layer below can hold this instant."""
    return _EARLIEST <= at < _LATEST


def retry(policy: Retry) -> Iterator[Fault]:
    """The cap is not below what it caps."""
    if policy.base_seconds > policy.max_seconds:
        message = f"must not be more than max_seconds, {policy.max_seconds:g}"
        yield Fault("out_of_range", message, pointer="/retry/base_seconds")


def target(target: CreateTarget | CreateCode, body: Content | Fault) -> Iterator[Fault]:
    """Everything wrong with what is to be done."""
    if not isinstance(target, CreateTarget):
        yield from code.faults(target)
        return
    url = parsed(target.url)
    if isinstance(url, Refusal):
        yield Fault(url.code, url.message, pointer="/target/url")
    if target.headers or target.secret_headers:
        yield from _headers(target)
    if isinstance(body, Fault):
        yield body


def _headers(target: CreateTarget) -> Iterator[Fault]:
    """A marked header must be there, and a value that was masked on reading must not come back as one."""
    for name, fault in check_headers(target.headers.items()):
        where = "/target/headers" if name is None else f"/target/headers/{escaped(name)}"
        yield Fault(fault, fault.message, pointer=where)
    names = {name.lower() for name in target.headers}
    for index, name in enumerate(target.secret_headers):
        if name.lower() not in names:
            yield Fault("unknown_header", "names no header", pointer=f"/target/secret_headers/{index}")
    for name, value in target.headers.items():
        if value == masking.MASK and masking.is_secret(name, target.secret_headers):
            message = "is the mask of a secret, not the secret"
            yield Fault("masked_value", message, pointer=f"/target/headers/{escaped(name)}")


def destination(url: str, egress: Egress) -> Invalid | None:
    """The refusal of a URL that names an address which may not be called."""
    refusal = _literal(url, egress)
    if refusal is None:
        return None
    fault = Fault(refusal.code, refusal.message, pointer="/target/url")
    return Invalid([fault], code="destination_refused")


@lru_cache(maxsize=1024)
def _literal(url: str, egress: Egress) -> Refusal | None:
    parts = parsed(url)
    return egress.refuse_literal(parts) if isinstance(parts, Url) else None


def _expiry(asked: CreateJob, now: datetime) -> Iterator[Fault]:
    if asked.expires_at is not None:
        yield from expiry(asked.expires_at, fires(asked.fire_at, asked.delay_seconds, now=now))


def expiry(expires_at: datetime, fires: datetime) -> Iterator[Fault]:
    """An expiry that lies ahead of the fire time, and that every layer below can hold."""
    if not in_range(expires_at):
        yield Fault("out_of_range", YEARS, pointer="/expires_at")
    elif expires_at <= fires:
        yield Fault("too_early", "must be after the fire time and in the future", pointer="/expires_at")


def fires(fire_at: datetime | None, delay_seconds: float | None, *, now: datetime) -> datetime:
    """About when a job would fire."""
    if fire_at is not None:
        return max(fire_at, now)
    return now + timedelta(seconds=delay_seconds or 0.0)


def success(rule: Success) -> Iterator[Fault]:
    """Every status of the rule is one."""
    parsed = _statuses(rule.status)
    if isinstance(parsed, StatusSet):
        return
    for bad in parsed:
        where = "/success/status" if bad.index is None else f"/success/status/{bad.index}"
        yield Fault("wrong_format", bad.message, pointer=where)


def labels(given: Mapping[str, str | None]) -> Iterator[Fault]:
    """Names and values of labels; null is one that is to be taken away."""
    for name, value in given.items():
        if value is None:
            continue
        where = f"/labels/{escaped(name)}"
        if not 1 <= len(name) <= 63 or len(value) > 255:
            message = "must have a name of 1 to 63 characters and a value of at most 255"
            yield Fault("wrong_length", message, pointer=where)
        if _CONTROL.search(name) or _CONTROL.search(value):
            yield Fault("control_character", "must not hold control characters", pointer=where)
