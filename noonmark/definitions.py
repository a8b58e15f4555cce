"""Definitions. `key@version` says as well which one is meant as an id does; a key is its newest version."""

from collections.abc import Generator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict, Unpack
from urllib.parse import quote
from uuid import UUID

import httpx
import msgspec

from noonmark import calls
from noonmark.calls import Call, Listing, Pause
from noonmark.errors import NotFound
from noonmark.model import Instant, Job, Page, Retry, Success, Target, Unique
from noonmark.options import When, timed


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """A template of jobs, called by `key@version`."""

    id: UUID
    key: str
    version: int
    name: str
    """`key@version`."""
    target: Target
    registered: bool = False
    """Whether it is of a registered function: everybody's, and only to be read."""
    description: str = ""
    queue: str = "default"
    priority: int = 50
    timeout_seconds: int | None = None
    """Of jobs that give none; None is the queue's."""
    retry: Retry | None = None
    default_max_attempts: int = 4
    success: Success = Success()
    labels: dict[str, str] = {}
    concurrency_limit: int | None = None
    """Jobs in flight at once; None is no limit."""
    params_schema: dict[str, Any] | None = None
    result_schema: dict[str, Any] | None = None
    created_at: Instant
    changed_at: Instant


_definition = msgspec.json.Decoder(Definition).decode
_definitions = msgspec.json.Decoder(Page[Definition]).decode
_job = msgspec.json.Decoder(Job).decode


class Settings(TypedDict, total=False):
    """What a definition says beside its target; None takes it away. Labels and schemas are replaced whole."""

    description: str
    queue: str
    priority: str | int
    timeout_seconds: int | None
    retry: Retry | Mapping[str, Any] | None
    success: Sequence[str]
    labels: Mapping[str, str]
    concurrency_limit: int | None
    """Jobs in flight at once."""
    params_schema: Mapping[str, Any] | None
    """JSON Schema (2020-12)."""
    result_schema: Mapping[str, Any] | None


class Change(Settings, total=False):
    """What can be changed of a definition; what is left out stays."""

    target: Mapping[str, Any]
    """Whole, as the API takes it: `type` and what belongs to it."""


class Run(When, total=False):
    """What one job of a definition is to be like; the rest is as the definition says."""

    params: Any
    env: Mapping[str, str]
    """Beside those of the definition's container."""
    queue: str
    priority: str | int
    timeout_seconds: int
    expires_at: datetime
    retry: Retry | Mapping[str, Any]
    success: Sequence[str]
    labels: Mapping[str, str]
    unique: Unique | Mapping[str, Any]


def create(
    key: str, target: Mapping[str, Any], *, version: int = 1, **settings: Unpack[Settings]
) -> Call[Definition]:
    """A new definition. Not repeated when its answer is lost: look with `get` then."""
    body = {"key": key, "version": version, "target": target, **_written(settings)}
    return calls.post("/v1/definitions", _definition, body)


def listed(*, limit: int | None = None, cursor: str | None = None) -> Listing[Definition]:
    """Yours, and those of registered functions; oldest first."""
    return calls.get("/v1/definitions", _definitions, calls.paging(limit, cursor))


def get(definition: UUID | str) -> Call[Definition]:
    """A definition as it is now."""
    return calls.get(_path(definition), _definition)


def edit(definition: UUID | str, **change: Unpack[Change]) -> Call[Definition]:
    """Change a definition. No job that stands is changed; a limit holds from the next claim on."""
    content = msgspec.json.encode(_written(change))
    return Call("PATCH", _path(definition), _definition, content=content, safe=True)


def delete(definition: UUID | str) -> Generator[Call[Any] | Pause, httpx.Response, None]:
    """Delete it. Its jobs go on."""
    try:
        yield from Call("DELETE", _path(definition), calls.nothing, safe=True)
    except NotFound as refused:
        # The try whose answer was lost may have been the one that deleted it.
        if not refused.repeated:
            raise


def run(definition: UUID | str, *, idempotency_key: str | None = None, **options: Unpack[Run]) -> Call[Job]:
    """A job as the definition says, but for what is given here."""
    return calls.making(f"{_path(definition)}/run", _job, _written(timed(options)), idempotency_key)


def _written(given: Mapping[str, Any]) -> dict[str, Any]:
    """As the API takes it."""
    body = dict(given)
    if "success" in body:
        body["success"] = {"status": list(body["success"])}
    return body


def _path(definition: UUID | str) -> str:
    return f"/v1/definitions/{quote(str(definition), safe='@')}"
