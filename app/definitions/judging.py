"""What can be wrong with a definition, and what is stored of one that has nothing wrong.

Judged whole, whether it is new or was changed. Its target is judged as that of a job is.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Raw, UnsetType
from msgspec.structs import replace

from app.definitions.schemas import CreateDefinition
from app.errors import Rejected
from app.faults import code_of
from app.jobs import checks, code, content, defining, masking
from app.jobs.code_schemas import CreateContainer
from app.jobs.retargeting import Means
from app.jobs.schemas import CreateAnyTarget, CreateTarget
from core.definitions import schemas
from core.definitions.model import KEY, Definition
from core.errors import Fault, Invalid

_KEY = re.compile(KEY)
_encoder = msgspec.json.Encoder()


def refusal(asked: CreateDefinition, function: Definition | None, means: Means) -> Invalid | Rejected | None:
    """Everything wrong with it but its queue; `function` is the one that it calls, if that is known."""
    body = code.body(asked.target)
    faults = [
        *_key(asked.key),
        *checks.target(asked.target, body),
        *checks.lane(asked.queue),
        *_alone(asked, function),
        *(() if asked.retry is None else checks.retry(asked.retry)),
        *checks.success(asked.success),
        *checks.labels(asked.labels),
        *_schemas(asked),
    ]
    if faults or isinstance(body, Fault):
        return Invalid(faults)
    if isinstance(asked.target, CreateTarget) and (forbidden := _forbidden(asked.target, means)):
        return forbidden
    return content.excess(body)


def stored(asked: CreateDefinition, means: Means, *, id: UUID, now: datetime) -> Definition:
    """What is kept of it, its secrets sealed."""
    target, secret = _sealable(asked.target)
    return Definition(
        id=id,
        key=asked.key,
        version=asked.version,
        description=asked.description,
        target=_text(target),
        sealed=means.seal(secret),
        timeout_seconds=asked.timeout_seconds,
        priority=checks.priority(asked.priority),
        queue=asked.queue,
        labels=_text(asked.labels),
        retry=None if asked.retry is None else _text(asked.retry),
        success=_text(asked.success),
        concurrency_limit=asked.concurrency_limit,
        params_schema=given(asked.params_schema),
        result_schema=given(asked.result_schema),
        created_at=now,
        changed_at=now,
    )


def given(schema: Raw | UnsetType) -> str | None:
    """A schema as text; none where it is null."""
    if isinstance(schema, UnsetType) or bytes(schema) == b"null":
        return None
    return bytes(schema).decode()


def _key(key: str) -> Iterator[Fault]:
    """A pattern lets a line break at the end pass."""
    if not _KEY.fullmatch(key):
        yield Fault("wrong_format", f"must match ^{KEY}$", pointer="/key")


def _alone(asked: CreateDefinition, function: Definition | None) -> Iterator[Fault]:
    """What is limited has a queue of its own; a call leaves no result that could fit anything."""
    limited = function is not None and function.concurrency_limit is not None
    if asked.queue != "default" and (limited or asked.concurrency_limit is not None):
        message = "cannot be chosen for what is limited: its jobs have a queue of their own"
        yield Fault("conflicting", message, pointer="/queue")
    if isinstance(asked.target, CreateTarget) and given(asked.result_schema) is not None:
        yield Fault("conflicting", "goes with a target that is code", pointer="/result_schema")


def _schemas(asked: CreateDefinition) -> Iterator[Fault]:
    texts = {"params": given(asked.params_schema), "result": given(asked.result_schema)}
    sound = True
    for name, text in texts.items():
        for flaw in schemas.check(msgspec.json.decode(text)) if text is not None else ():
            sound = False
            yield Fault(code_of(flaw.kind), flaw.message, pointer=f"/{name}_schema{flaw.pointer}")
    params = defining.params_of(asked.target)
    if sound and texts["params"] is not None and not isinstance(params, UnsetType):
        name = "body" if isinstance(asked.target, CreateTarget) else "params"
        yield from defining.misfits(texts["params"], params, f"/target/{name}")


def _forbidden(target: CreateTarget, means: Means) -> Invalid | None:
    return checks.destination(target.url, means.egress)


def _sealable(target: CreateAnyTarget) -> tuple[CreateAnyTarget, dict[str, str]]:
    """The target with its secrets masked, and their values."""
    if isinstance(target, CreateTarget):
        plain, secret = masking.divide(target.headers, target.secret_headers)
        masked = plain | dict.fromkeys(secret, masking.MASK)
        return replace(target, headers=masked, secret_headers=tuple(secret)), secret
    if isinstance(target, CreateContainer):
        plain, secret = masking.divide(target.env, target.secret_env)
        masked = plain | dict.fromkeys(secret, masking.MASK)
        return replace(target, env=masked, secret_env=tuple(secret)), secret
    return target, {}


def _text(value: Any) -> str:
    return _encoder.encode(value).decode()
