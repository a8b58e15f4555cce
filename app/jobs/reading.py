"""From rows to what users see. Nothing secret passes: sealed values are not even read."""

from functools import lru_cache

import msgspec
from msgspec import UNSET, Raw, UnsetType

from app.jobs import code, content
from app.jobs.code_schemas import Container, Function
from app.jobs.masking import MASK
from app.jobs.schemas import (
    Answer,
    Attempt,
    HistoryEvent,
    Job,
    JobError,
    Target,
)
from app.jobs.store import Stored, Told, Tried
from app.jobs.uniqueness import Unique
from core.jobs.backoff import Retry
from core.jobs.lifecycle import FINAL
from core.jobs.model import Event, HttpTarget, Needs, Outcome, TargetType
from core.jobs.success import Success
from core.jobs.targets import ContainerTarget, FunctionTarget

_uniques = msgspec.json.Decoder(Unique)
# Most jobs call one of a few targets, and have one of a few policies.
_targets = lru_cache(maxsize=256)(msgspec.json.Decoder(HttpTarget).decode)
_containers = msgspec.json.Decoder(ContainerTarget).decode
_functions = msgspec.json.Decoder(FunctionTarget).decode
_made_by = msgspec.json.Decoder(FunctionTarget).decode
retries = lru_cache(maxsize=256)(msgspec.json.Decoder(Retry).decode)
successes = lru_cache(maxsize=256)(msgspec.json.Decoder(Success).decode)
words = msgspec.json.Decoder(dict[str, str])
"""Labels and headers."""


def job(stored: Stored) -> Job:
    """A job as the API shows it."""
    retry = retries(stored.retry)
    over = stored.state in FINAL
    return Job(
        id=stored.id,
        state=stored.state,
        definition=definition(stored.target_type, stored.target),
        target=target(stored.target_type, stored.target, stored.body),
        fire_at=stored.fire_at,
        next_attempt_at=stored.next_attempt_at,
        queue=stored.queue,
        priority=stored.priority,
        timeout_seconds=stored.timeout_seconds,
        retry=retry,
        labels=words.decode(stored.labels),
        expires_at=stored.expires_at,
        success=successes(stored.success),
        attempts_made=stored.attempts_made,
        attempts_left=0 if over else max(0, retry.max_attempts - stored.attempts_made),
        last_error=error(stored.error_code, stored.error_message),
        result=_result(stored),
        result_error=None if stored.target_type == TargetType.HTTP else result_error(stored.headers),
        waiting_for=None if stored.waiting_for is None else Needs(stored.waiting_for).name.lower(),
        created_at=stored.created_at,
        started_at=stored.started_at,
        finished_at=stored.finished_at,
        cancel_requested_at=stored.cancel_requested_at,
        replay_of=stored.replay_of,
        unique=_uniques.decode(stored.uniqueness) if stored.uniqueness is not None else None,
    )


def _result(stored: Stored) -> Answer | Raw | None:
    if stored.target_type != TargetType.HTTP:
        return Raw(stored.response) if stored.response is not None else None
    if stored.status is None or stored.body is not None:
        return answer(stored.status, stored.headers, stored.response, stored.truncated)
    headers = words.decode(stored.headers or b"{}")
    return Answer(status=stored.status, headers=headers, truncated=bool(stored.truncated))


def attempt(tried: Tried) -> Attempt:
    """An attempt as the API shows it."""
    http = tried.target_type == TargetType.HTTP
    return Attempt(
        number=tried.number,
        outcome=Outcome(tried.outcome) if tried.outcome is not None else None,
        started_at=tried.started_at,
        finished_at=tried.finished_at,
        duration_ms=tried.duration_ms,
        replica_id=tried.replica_id,
        request_id=tried.request_id,
        bytes_sent=tried.bytes_sent,
        response=answer(tried.status, tried.headers, tried.body, tried.truncated) if http else None,
        exit_code=None if http else tried.status,
        result=UNSET if http or tried.body is None else Raw(tried.body),
        result_error=None if http else result_error(tried.headers),
        error=error(tried.error_code, tried.error_message),
    )


def event(told: Told) -> HistoryEvent:
    """An event as the API shows it."""
    data = Raw((told.data or "null").encode())
    return HistoryEvent(id=told.id, kind=Event(told.kind), at=told.at, attempt=told.attempt, data=data)


def target(kind: str, stored: str, body: bytes | None) -> Target | Container | Function:
    """A target, its secrets masked; without a body where that was not asked for."""
    if kind == TargetType.CONTAINER:
        return code.shown(_containers(stored), body)
    if kind == TargetType.FUNCTION:
        return code.shown(_functions(stored), body)
    http = _targets(stored)
    forms = content.shown(http.body_kind, body) if body is not None else content.Forms()
    return Target(
        url=http.url,
        method=http.method,
        headers=http.headers | dict.fromkeys(http.secret_headers, MASK),
        secret_headers=http.secret_headers,
        body=forms.body,
        body_text=forms.body_text,
        body_base64=forms.body_base64,
    )


def definition(kind: str, stored: str) -> str | None:
    """The name of that which a job was made by, if it was."""
    made_by = (_targets if kind == TargetType.HTTP else _made_by)(stored).definition
    return None if isinstance(made_by, UnsetType) else made_by


def error(code: str | None, message: str | None) -> JobError | None:
    """What went wrong, if anything did."""
    return None if code is None else JobError(code, message or "")


def result_error(told: bytes | None) -> JobError | None:
    """What is wrong with what code left, which stands where an answer's headers would."""
    said = words.decode(told or b"{}")
    return JobError(said["code"], said["message"]) if said else None


def answer(
    status: int | None, headers: bytes | None, body: bytes | None, truncated: bool | None
) -> Answer | None:
    """What a target answered, if it did."""
    if status is None:
        return None
    data = body or b""
    text = content.text(data, truncated=bool(truncated))
    return Answer(
        status=status,
        headers=words.decode(headers or b"{}"),
        body=UNSET if text is None else text,
        body_base64=content.base64(data) if text is None else UNSET,
        truncated=bool(truncated),
    )
