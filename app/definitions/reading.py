"""From a stored definition to what users see of it."""

from typing import Any

import msgspec
from msgspec import Raw

from app.definitions.schemas import Definition as Shown
from app.jobs import code, content, defining, reading
from app.jobs.code_schemas import Container, CreateContainer, CreateFunction, Function
from app.jobs.content import Content
from app.jobs.schemas import CreateAnyTarget, Target
from core.definitions.model import Definition
from core.jobs.backoff import Retry


def definition(stored: Definition) -> Shown:
    """It as it is answered."""
    retry = None if stored.retry is None else reading.retries(stored.retry)
    return Shown(
        id=stored.id,
        key=stored.key,
        version=stored.version,
        name=stored.name,
        registered=stored.registered,
        description=stored.description,
        target=_target(defining.target(stored)),
        queue=stored.queue,
        priority=stored.priority,
        timeout_seconds=stored.timeout_seconds,
        retry=retry,
        default_max_attempts=(retry or Retry()).max_attempts,
        success=reading.successes(stored.success),
        labels=reading.words.decode(stored.labels),
        concurrency_limit=stored.concurrency_limit,
        params_schema=_raw(stored.params_schema),
        result_schema=_raw(stored.result_schema),
        created_at=stored.created_at,
        changed_at=stored.changed_at,
    )


def _target(given: CreateAnyTarget) -> Target | Container | Function:
    if isinstance(given, CreateContainer):
        return Container(**_fields(given))
    if isinstance(given, CreateFunction):
        return Function(**_fields(given))
    body = code.body(given)
    assert isinstance(body, Content)
    forms = content.shown(body.kind, body.data)
    return Target(
        url=given.url,
        method=given.method,
        headers=given.headers,
        secret_headers=given.secret_headers,
        body=forms.body,
        body_text=forms.body_text,
        body_base64=forms.body_base64,
    )


def _fields(given: msgspec.Struct) -> dict[str, Any]:
    return {name: getattr(given, name) for name in given.__struct_fields__}


def _raw(schema: str | None) -> Raw | None:
    return None if schema is None else Raw(schema.encode())
