"""A body for each operation that takes one, as short as somebody would write it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import NODEFAULT, Raw, Struct

from app.artifacts.schemas import AuthorizeUpload, MakeLink
from app.bulk.schemas import CancelJobs, PurgeLetters, ReplayLetters
from app.callbacks.schemas import Tell, TellProgress
from app.definitions.schemas import CreateDefinition, EditDefinition, RunDefinition
from app.jobs.code_schemas import CreateFunction
from app.jobs.schemas import (
    CreateHttpJob,
    CreateHttpJobs,
    CreateTarget,
    EditJob,
    EditRetry,
    ReplayJob,
    RetryChange,
    RetryPolicy,
)
from app.jobs.uniqueness import UniqueRule
from app.principal import Scope
from app.queues.schemas import CreateQueue, EditQueue, Rate
from app.signing_secrets.schemas import RotateSecrets
from app.tenants.schemas import ChangeTenant, CreateTenant, EraseTenant
from app.tokens.schemas import CreateToken
from app.users.schemas import AskForLink, Logout, Refresh, Verify

_MORNING = datetime.fromisoformat("2027-01-01T09:00:00+01:00")
_JOB = CreateHttpJob(
    target=CreateTarget(
        url="https://example.com/hook", headers={"X-Team": "billing"}, body=Raw(b'{"invoice":42}')
    ),
    fire_at=_MORNING,
    priority="high",
    retry=RetryPolicy(max_attempts=6),
    labels={"team": "billing"},
)
_SOON = CreateHttpJob(
    target=CreateTarget(url="https://example.com/hook", method="GET"),
    delay_seconds=90,
    unique=UniqueRule(key="report-42"),
)

BODIES: Mapping[str, Struct] = {
    "askForMagicLink": AskForLink(email="ada@example.com"),
    "verifyMagicLink": Verify(token="4fQ0aZ9xT1uVbW2cXdYe"),  # noqa: S106
    "refreshSession": Refresh(refresh_token="7hYk2LmPqRsTuVwXyZ"),  # noqa: S106
    "logout": Logout(everywhere=True),
    "createJob": _JOB,
    "createJobs": CreateHttpJobs((_JOB, _SOON)),
    "editJob": EditJob(fire_at=_MORNING, priority="critical"),
    "cancelJobs": CancelJobs(labels={"team": "billing"}, state=("scheduled", "queued")),
    "callBack": Tell(progress=TellProgress(done=3, total=12, message="page 3")),
    "replayJob": ReplayJob(delay_seconds=60, retry=RetryChange(max_attempts=2)),
    "replayDeadLetter": ReplayJob(delay_seconds=60, retry=RetryChange(max_attempts=2)),
    "retryDeadLetter": ReplayJob(delay_seconds=60, retry=RetryChange(max_attempts=2)),
    "replayDeadLetters": ReplayLetters(error_code="timeout", per_second=10),
    "purgeDeadLetters": PurgeLetters(older_than_seconds=2_592_000),
    "authorizeUpload": AuthorizeUpload(name="report.pdf", size=18_230),
    "linkArtifact": MakeLink(expires_in_seconds=3600),
    "createQueue": CreateQueue(name="imports", max_concurrency=4, rate=Rate(count=10)),
    "editQueue": EditQueue(max_concurrency=8, rate=None),
    "createDefinition": CreateDefinition(
        key="reports.render",
        version=2,
        target=CreateFunction(function="reports.render@7"),
        timeout_seconds=600,
        concurrency_limit=3,
        params_schema=Raw(b'{"type":"object","required":["month"]}'),
    ),
    "editDefinition": EditDefinition(concurrency_limit=8, retry=EditRetry(max_attempts=2)),
    "runDefinition": RunDefinition(params=Raw(b'{"month":"2026-12"}'), priority="high"),
    "rotateSigningSecrets": RotateSecrets(overlap_seconds=3600),
    "createTenant": CreateTenant(name="acme"),
    "changeTenant": ChangeTenant(name="acme", request_rate=50.0, keep_jobs_days=None),
    "eraseTenant": EraseTenant(confirm="acme"),
    "createToken": CreateToken(name="ci", scopes=[Scope.READ, Scope.WRITE]),
}
"""By the operation's id."""

FORMS: Mapping[str, Mapping[str, str]] = {
    "encodeVideo": {"video": "(the file)", "quality": "1080p", "format": "mp4", "priority": "high"},
}
"""Of operations that take a form."""


def written(value: Any) -> Any:
    """A body as JSON values, without what is the default anyway."""
    match value:
        case Struct():
            return _kind(value) | {
                field.encode_name: written(getattr(value, field.name))
                for field in msgspec.structs.fields(value)
                if getattr(value, field.name) != _default(field)
            }
        case list() | tuple():
            return [written(item) for item in value]
        case _:
            return msgspec.json.decode(msgspec.json.encode(value))


def _kind(value: Struct) -> dict[str, str]:
    """A target that is code says so."""
    tag = value.__struct_config__.tag
    return {} if tag in (None, "http") else {"type": str(tag)}


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not NODEFAULT:
        return field.default_factory()
    return field.default
