"""From what was asked to what is stored: a new job, whatever its target is."""

from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from app.jobs import checks, code, masking
from app.jobs.code_schemas import CreateContainer
from app.jobs.content import Content
from app.jobs.defining import Source
from app.jobs.schemas import PRIORITIES, CreateAnyTarget, CreateJob, CreateTarget
from core.jobs.backoff import Retry
from core.jobs.model import HttpTarget, Needs, NewJob, TargetType
from core.jobs.success import Success
from core.jobs.targets import needs

NORMAL = PRIORITIES["normal"]

_encoder = msgspec.json.Encoder()


class Aim(msgspec.Struct, frozen=True):
    """A target, taken apart for storing."""

    type: TargetType
    target: str
    """JSON of the target's Struct."""
    secret: dict[str, str]
    """What is to be sealed: headers or variables, by their names."""
    needs: Needs
    said: tuple[Any, ...]
    """All that the target says besides body and secrets, for telling twins."""


def aim(asked: CreateAnyTarget, body: Content, source: Source | None = None) -> Aim:
    """The target of a job that has nothing wrong. By which definition it was made tells no twins apart."""
    if not isinstance(asked, CreateTarget):
        target, secret = code.stored(asked)
        kind = TargetType.CONTAINER if isinstance(asked, CreateContainer) else TargetType.FUNCTION
        said, stored = (kind, target), _json(target)
        if source is not None:
            stored = _json(replace(target, definition=source.definition, result_schema=source.result_schema))
        return Aim(kind, stored, secret, needs(kind, stored), said)
    plain, secret = masking.divide(asked.headers, asked.secret_headers)
    http = HttpTarget(
        url=asked.url,
        method=asked.method,
        headers=plain,
        secret_headers=tuple(secret),
        body_kind=body.kind,
        definition=UNSET if source is None else source.definition,
    )
    told = {name.lower(): value for name, value in plain.items()}
    return Aim(TargetType.HTTP, _json(http), secret, Needs.HTTP, (asked.method, asked.url, told, body.kind))


def new_job(
    asked: CreateJob, aimed: Aim, body: Content, *, id: UUID, tenant: UUID, sealed: bytes | None
) -> NewJob:
    """A job to store; `sealed` are its secrets. By whose request it is made stands in no order: add it."""
    return NewJob(
        id=id,
        tenant_id=tenant,
        queue="default" if isinstance(asked.queue, UnsetType) else asked.queue,
        priority=NORMAL if isinstance(asked.priority, UnsetType) else checks.priority(asked.priority),
        target_type=aimed.type,
        target=aimed.target,
        body=body.data,
        sealed_headers=sealed,
        timeout_seconds=None if isinstance(asked.timeout_seconds, UnsetType) else asked.timeout_seconds,
        success=_policy(Success() if isinstance(asked.success, UnsetType) else asked.success),
        retry=None if isinstance(asked.retry, UnsetType) else _policy(asked.retry),
        labels=_json(asked.labels),
        fire_at=asked.fire_at,
        delay_seconds=asked.delay_seconds or 0.0,
        expires_at=asked.expires_at,
        replay_of=None,
        request_id="",
        trace=None,
        needs=aimed.needs,
    )


def _json(value: object) -> str:
    return _encoder.encode(value).decode()


@lru_cache(maxsize=256)
def _policy(rule: Success | Retry) -> str:
    """Most jobs have one of a few."""
    return _json(rule)
