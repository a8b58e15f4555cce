"""What a caller may say about a job, and how it is written for the API.

Each option is named once, here: the blocking client, the asynchronous one and batches share these. What is
left out is not sent, so the server's defaults are the only ones. A time without an offset is refused, since
it means another instant on every machine.
"""

import base64
from collections.abc import Mapping, Sequence, Set
from datetime import datetime, timedelta
from typing import Any, Required, TypedDict

from msgspec import UNSET

from noonmark.calls import Query
from noonmark.model import Retry, State, Unique


class When(TypedDict, total=False):
    """A fire time, at most one of the two; none is now."""

    fire_at: datetime
    delay: timedelta | float
    """From now; a number is seconds."""


class Difference(When, total=False):
    """What a replay does otherwise than the job it repeats."""

    priority: str | int
    """`critical`, `high`, `normal`, `low`, or 0 to 100."""
    queue: str
    retry: Retry | Mapping[str, Any]


class Change(When, total=False):
    """What can be changed of a job that waits; what is left out stays."""

    url: str
    """From here to the bodies it is the request, and stands once there was an attempt."""
    method: str | None
    headers: Mapping[str, str | None] | None
    """To set; None takes one away. Secret ones that are not named stay."""
    secret_headers: Sequence[str] | None
    body: Any
    """A new body, whole; None takes it away."""
    body_text: str
    body_bytes: bytes
    queue: str
    priority: str | int
    timeout_seconds: int
    expires_at: datetime | None
    """None is never."""
    success: Sequence[str] | None
    """None is the default again."""
    retry: Retry | Mapping[str, Any] | None
    """What a mapping leaves out stays; None is the default again."""
    labels: Mapping[str, str | None] | None
    """To set; None takes one away."""


class Options(Difference, total=False):
    """What a new job may say beside its URL."""

    method: str
    headers: Mapping[str, str]
    secret_headers: Sequence[str]
    """Names of headers that reads must mask."""
    body: Any
    """Any JSON value; at most one of the three bodies."""
    body_text: str
    body_bytes: bytes
    timeout_seconds: int
    """For one attempt, in all."""
    expires_at: datetime
    """Not to be delivered after this."""
    success: Sequence[str]
    """Statuses that count as success: `2xx`, `404`, `200-204`."""
    labels: Mapping[str, str]
    unique: Unique | Mapping[str, Any]
    """At most one such job at once; Conflict, unless it says otherwise."""


class NewJob(Options, total=False):
    """One of many jobs that are created together."""

    url: Required[str]


class Ordering(Difference, total=False):
    """What a job that is code may say, whatever carries it out."""

    timeout_seconds: int
    """For one attempt, in all."""
    expires_at: datetime
    """Not to be started after this."""
    labels: Mapping[str, str]
    unique: Unique | Mapping[str, Any]
    """At most one such job at once; Conflict, unless it says otherwise."""


class Running(Ordering, total=False):
    """What a command may say besides."""

    runtime: str
    """`docker` or `kubernetes`, for an image; what has none is a process."""
    env: Mapping[str, str]
    secret_env: Sequence[str]
    """Names of variables that reads must mask."""
    params: Any
    """Any JSON value."""
    working_directory: str
    memory_mb: int
    cpus: float
    pids: int
    network: bool
    """Whether a container may reach the network."""
    grace_seconds: float
    """From TERM to KILL."""
    permanent_exit_codes: Sequence[int]
    """After which another attempt would not help."""


class Filter(TypedDict, total=False):
    """Which jobs; all that is given must fit. `after` includes its instant, `before` does not."""

    state: State | str | Sequence[State | str]
    queue: str
    labels: Mapping[str, str]
    created_after: datetime
    created_before: datetime
    fire_after: datetime
    fire_before: datetime
    url_contains: str


class LetterFilter(TypedDict, total=False):
    """Which dead letters; all that is given must fit."""

    queue: str
    labels: Mapping[str, str]
    error_code: str
    """Of the error that ended the job."""
    failed_after: datetime
    failed_before: datetime
    url_contains: str


Names = Set[str]

JOBS: Names = Filter.__annotations__.keys()
LETTERS: Names = LetterFilter.__annotations__.keys()

_TARGET = {"url", "method", "headers", "secret_headers", "body", "body_text"}
_DIRECT = {"queue", "priority", "retry", "labels", "timeout_seconds", "unique"}
_KNOWN = Options.__annotations__.keys() | {"url"}
_CHANGES = Change.__annotations__.keys()
_OF_COMMANDS = Running.__annotations__.keys() - Ordering.__annotations__.keys()
_DIFFERENCES = Difference.__annotations__.keys()


def document(url: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The body that creates a job. TypeError for an option that there is not."""
    _check(options, _KNOWN)
    return _body({"url": url, **options})


def commanded(command: Sequence[str], image: str | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """The body that creates a job that runs a command. TypeError for an option that there is not."""
    _check(options, Running.__annotations__.keys())
    target: dict[str, Any] = {"type": "container", "command": list(command)}
    target |= {"runtime": "process"} if image is None else {"image": image}
    target |= {name: options[name] for name in _OF_COMMANDS & options.keys()}
    return {**_body({name: options[name] for name in options.keys() - _OF_COMMANDS}), "target": target}


def invoked(function: str, params: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """The body that creates a job that calls a function. TypeError for an option that there is not."""
    _check(options, Ordering.__annotations__.keys())
    target = {"type": "function", "function": function}
    return {**_body(options), "target": target | ({} if params is UNSET else {"params": params})}


def edited(change: Mapping[str, Any]) -> dict[str, Any]:
    """The body of an edit, a merge patch. TypeError for an option that there is not."""
    _check(change, _CHANGES)
    return _body(change)


def changed(difference: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a replay. TypeError for an option that there is not."""
    _check(difference, _DIFFERENCES)
    return _body(difference)


def _body(options: Mapping[str, Any]) -> dict[str, Any]:
    body = {name: options[name] for name in _DIRECT & options.keys()}
    if target := _target(options):
        body["target"] = target
    for name in ("fire_at", "expires_at"):
        if name in options:
            body[name] = None if options[name] is None else instant(name, options[name])
    if "delay" in options:
        body["delay_seconds"] = seconds(options["delay"])
    if "success" in options:
        rule = options["success"]
        body["success"] = None if rule is None else {"status": list(rule)}
    return body


def _target(options: Mapping[str, Any]) -> dict[str, Any]:
    target = {name: options[name] for name in _TARGET & options.keys()}
    if "body_bytes" in options:
        target["body_base64"] = base64.b64encode(options["body_bytes"]).decode()
    return target


def timed(options: Mapping[str, Any]) -> dict[str, Any]:
    """The same with its times as the API takes them."""
    body = {name: value for name, value in options.items() if name not in ("delay", "fire_at", "expires_at")}
    for name in ("fire_at", "expires_at"):
        if options.get(name) is not None:
            body[name] = instant(name, options[name])
    if "delay" in options:
        body["delay_seconds"] = seconds(options["delay"])
    return body


def filtering(which: Mapping[str, Any], known: Names = JOBS) -> Query:
    """A filter as a query; several states are several parameters, and so are labels."""
    _check(which, known)
    return tuple(pair for name, value in which.items() for pair in _parameters(name, value))


def selecting(
    which: Mapping[str, Any], known: Names = JOBS, *, everything: bool, narrowed: bool = False
) -> dict[str, Any]:
    """A filter as a body. What is done to many has to say which, or that it means all of them.

    `narrowed`: something else in the body says which.
    """
    _check(which, known)
    if everything == (narrowed or bool(which)):
        raise ValueError("give a filter or everything=True: one of them, and not both")
    return {"all": True} if everything else {name: _member(name, value) for name, value in which.items()}


def _member(name: str, value: Any) -> Any:
    match value:
        case datetime():
            return instant(name, value)
        case str():
            return [value] if name == "state" else value
        case Mapping():
            return dict(value)
        case _:
            return [str(each) for each in value]


def seconds(given: timedelta | float) -> float:
    """A duration as the API counts it."""
    return given.total_seconds() if isinstance(given, timedelta) else given


def instant(name: str, given: datetime) -> str:
    """RFC 3339. ValueError without an offset."""
    if given.tzinfo is None:
        raise ValueError(f"{name} needs a time zone, for example datetime.now(UTC) + timedelta(hours=1)")
    return given.isoformat()


def _parameters(name: str, value: Any) -> list[tuple[str, str]]:
    match value:
        case str():
            return [(name, value)]
        case datetime():
            return [(name, instant(name, value))]
        case Mapping():
            return [("label", f"{key}={each}") for key, each in value.items()]
        case _:
            return [(name, str(each)) for each in value]


def _check(given: Mapping[str, Any], known: Names) -> None:
    unknown = ", ".join(sorted(given.keys() - known))
    if unknown:
        raise TypeError(f"there is no option {unknown}; there are {', '.join(sorted(known))}")
