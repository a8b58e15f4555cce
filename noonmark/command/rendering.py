"""How jobs, attempts and dead letters look to people."""

from collections.abc import Sequence

import msgspec

from noonmark.artifacts import Artifact
from noonmark.command.table import Column, clean, facts
from noonmark.definitions import Definition
from noonmark.model import (
    Attempt,
    DeadLetter,
    Event,
    FreshToken,
    Job,
    JobError,
    Queue,
    SigningSecret,
    Target,
    Token,
)
from noonmark.videos import Video

JOBS: Sequence[Column[Job]] = (
    Column("id", lambda job: job.id),
    Column("state", lambda job: job.state),
    Column("fires", lambda job: job.next_attempt_at or job.fire_at),
    Column("attempts", lambda job: f"{job.attempts_made}/{job.attempts_made + job.attempts_left}"),
    Column("queue", lambda job: job.queue),
    Column("target", lambda job: _called(job.target)),
)
LETTERS: Sequence[Column[DeadLetter]] = (
    Column("id", lambda letter: letter.id),
    Column("failed", lambda letter: letter.failed_at),
    Column("attempts", lambda letter: letter.attempts_made),
    Column("error", lambda letter: letter.last_error and letter.last_error.code),
    Column("replayed as", lambda letter: letter.replayed_as),
    Column("target", lambda letter: _called(letter.target)),
)
ATTEMPTS: Sequence[Column[Attempt]] = (
    Column("number", lambda attempt: attempt.number),
    Column("outcome", lambda attempt: attempt.outcome or "under way"),
    Column("started", lambda attempt: attempt.started_at),
    Column("took", lambda attempt: _took(attempt)),
    Column("status", lambda attempt: attempt.response and attempt.response.status),
    Column("error", lambda attempt: _error(attempt.error)),
)
ARTIFACTS: Sequence[Column[Artifact]] = (
    Column("name", lambda artifact: artifact.name),
    Column("attempt", lambda artifact: artifact.attempt),
    Column("bytes", lambda artifact: artifact.size),
    Column("type", lambda artifact: artifact.content_type),
    Column("created", lambda artifact: artifact.created_at),
)
EVENTS: Sequence[Column[Event]] = (
    Column("at", lambda event: event.at),
    Column("event", lambda event: event.kind),
    Column("attempt", lambda event: event.attempt),
    Column("about", lambda event: _about(event)),
)
QUEUES: Sequence[Column[Queue]] = (
    Column("id", lambda queue: queue.id),
    Column("name", lambda queue: queue.name),
    Column("paused", lambda queue: "paused" if queue.paused else None),
    Column("at once", lambda queue: queue.max_concurrency),
    Column("rate", lambda queue: _spread(queue)),
)
DEFINITIONS: Sequence[Column[Definition]] = (
    Column("name", lambda definition: definition.name),
    Column("target", lambda definition: _called(definition.target)),
    Column("at once", lambda definition: definition.concurrency_limit),
    Column("attempts", lambda definition: definition.default_max_attempts),
    Column("timeout", lambda definition: definition.timeout_seconds and f"{definition.timeout_seconds} s"),
    Column("about", lambda definition: definition.description or None),
)
TOKENS: Sequence[Column[Token]] = (
    Column("id", lambda token: token.id),
    Column("begins", lambda token: token.prefix),
    Column("scopes", lambda token: " ".join(token.scopes)),
    Column("last used", lambda token: token.last_used_at),
    Column("expires", lambda token: token.expires_at),
    Column("name", lambda token: token.name),
)
SECRETS: Sequence[Column[SigningSecret]] = (
    Column("id", lambda secret: secret.id),
    Column("created", lambda secret: secret.created_at),
    Column("signs until", lambda secret: secret.expires_at or "replaced"),
    Column("secret", lambda secret: secret.secret),
)


def job(shown: Job) -> str:
    """Everything worth a line."""
    return facts(
        [
            ("id", shown.id),
            ("state", shown.state),
            ("definition", shown.definition),
            ("target", _called(shown.target)),
            ("waits for", shown.waiting_for and f"a scheduler that offers {shown.waiting_for}"),
            ("queue", f"{shown.queue}, priority {shown.priority}"),
            ("fires", shown.fire_at),
            ("next attempt", shown.next_attempt_at),
            ("attempts", f"{shown.attempts_made} made, {shown.attempts_left} left"),
            ("expires", shown.expires_at),
            ("labels", " ".join(f"{name}={value}" for name, value in shown.labels.items()) or None),
            ("started", shown.started_at),
            ("finished", shown.finished_at),
            ("last error", _error(shown.last_error)),
            ("answer", shown.answer and f"{shown.answer.status} {shown.answer.body or ''}".strip()),
            ("result", None if shown.answer else _compact(shown.result)),
            ("result error", _error(shown.result_error)),
            ("replay of", shown.replay_of),
            ("unique by", shown.unique and (shown.unique.key or "its request")),
        ]
    )


def letter(shown: DeadLetter) -> str:
    """What was asked for, and what ended it."""
    return facts(
        [
            ("id", shown.id),
            ("target", _called(shown.target)),
            ("queue", f"{shown.queue}, priority {shown.priority}"),
            ("fired", shown.fire_at),
            ("failed", shown.failed_at),
            ("attempts", shown.attempts_made),
            ("last error", _error(shown.last_error)),
            ("replayed as", shown.replayed_as),
        ]
    )


def token(shown: FreshToken) -> str:
    """The token first: it is shown this once."""
    return facts([("token", shown.token), ("id", shown.id), ("name", shown.name)])


def queue(shown: Queue) -> str:
    """Its limits, and what holds for jobs that say nothing."""
    return facts(
        [
            ("id", shown.id),
            ("name", shown.name),
            ("paused", "yes" if shown.paused else "no"),
            ("at once", shown.max_concurrency),
            ("rate", _spread(shown)),
            ("retry", shown.retry and f"{shown.retry.max_attempts} attempts, {shown.retry.backoff}"),
            ("timeout", shown.timeout_seconds and f"{shown.timeout_seconds} s"),
            ("created", shown.created_at),
        ]
    )


def definition(shown: Definition) -> str:
    """What its jobs are like."""
    return facts(
        [
            ("id", shown.id),
            ("name", shown.name),
            ("about", shown.description or None),
            ("registered", "yes, only to be read" if shown.registered else None),
            ("target", _called(shown.target)),
            ("queue", f"{shown.queue}, priority {shown.priority}"),
            ("at once", shown.concurrency_limit),
            ("attempts", shown.default_max_attempts),
            ("timeout", shown.timeout_seconds and f"{shown.timeout_seconds} s"),
            ("labels", " ".join(f"{name}={value}" for name, value in shown.labels.items()) or None),
            ("params", _compact(shown.params_schema)),
            ("result", _compact(shown.result_schema)),
            ("created", shown.created_at),
            ("changed", shown.changed_at),
        ]
    )


def artifact(shown: Artifact) -> str:
    """A file of a job."""
    return facts(
        [
            ("name", shown.name),
            ("attempt", shown.attempt),
            ("bytes", shown.size),
            ("sha256", shown.sha256),
            ("type", shown.content_type),
            ("created", shown.created_at),
        ]
    )


def video(shown: Video) -> str:
    """Where it stands, and what came of it."""
    return facts(
        [
            ("id", shown.id),
            ("state", shown.state),
            ("progress", None if shown.progress is None else f"{shown.progress} %"),
            ("video", f"{shown.input_file.name}, {shown.input_file.size:,} bytes"),
            ("wanted", f"{shown.quality} {shown.format}"),
            ("attempts", shown.attempts_made),
            ("last error", _error(shown.last_error)),
            ("encoded", shown.output_filename and f"{shown.output_filename}, {shown.output_size:,} bytes"),
            ("started", shown.started_at),
            ("finished", shown.finished_at),
        ]
    )


def event(shown: Event) -> str:
    """One line of a timeline."""
    at = shown.at.astimezone().isoformat(sep=" ", timespec="milliseconds")
    number = "" if shown.attempt is None else f" (attempt {shown.attempt})"
    return clean(f"{at}  {shown.kind}{number}  {_about(shown)}".rstrip())


def _called(target: Target) -> str:
    return str(target)


def _compact(result: object) -> str | None:
    return None if result is None else msgspec.json.encode(result).decode()


def _error(error: JobError | None) -> str | None:
    return None if error is None else f"{error.code}: {error.message}"


def _spread(queue: Queue) -> str | None:
    rate = queue.rate
    return None if rate is None else f"{rate.count} in {rate.period_seconds:g} s, {rate.burst} at once"


def _took(attempt: Attempt) -> str | None:
    return None if attempt.duration_ms is None else f"{attempt.duration_ms:,.0f} ms"


def _about(event: Event) -> str:
    if not isinstance(event.data, dict):
        return ""
    return " ".join(f"{name}={_plain(value)}" for name, value in event.data.items())


def _plain(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(_plain, value))
    return clean(value)
