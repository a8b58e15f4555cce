"""One job at the moments of its life, its attempt, its history and its dead letter."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
from msgspec import UNSET, Raw

from app.dead_letters.schemas import DeadLetter
from app.jobs.code_schemas import Function
from app.jobs.schemas import Answer, Attempt, CreatedJobs, HistoryEvent, Job, JobError, Target
from app.logs.schemas import LogLine
from core.jobs.backoff import Retry
from core.jobs.model import Event, Outcome, State
from core.jobs.success import Success
from core.logs.model import Stream

ASKED_AT = datetime(2026, 12, 31, 17, 30, tzinfo=UTC)
FIRES_AT = datetime(2027, 1, 1, 8, 0, tzinfo=UTC)
ENDED_AT = FIRES_AT + timedelta(milliseconds=212)
REPLICA_ID = UUID("4c0d8c2e-5b7f-4a43-9d0a-6f3f0f1c2d3e")
REQUEST_ID = "0199b0f6-6a4e-7c51-8f3e-2f4f3d9f3f11"
_JOB_ID = UUID("0199b0f6-7d10-7e21-8a52-0f6c1f8f3a01")
_OTHER_JOB_ID = UUID("0199b0f7-1c2d-7a3b-9e4f-5a6b7c8d9e0f")

_TARGET = Target(
    url="https://example.com/hook",
    method="POST",
    headers={"X-Team": "billing", "Authorization": "***"},
    secret_headers=("Authorization",),
    body=Raw(b'{"invoice":42}'),
)
_WITHOUT_BODY = msgspec.structs.replace(_TARGET, body=UNSET)
SCHEDULED = Job(
    id=_JOB_ID,
    state=State.SCHEDULED,
    target=_TARGET,
    fire_at=FIRES_AT,
    next_attempt_at=FIRES_AT,
    queue="default",
    priority=75,
    timeout_seconds=30,
    retry=Retry(max_attempts=6),
    labels={"team": "billing"},
    expires_at=None,
    success=Success(),
    attempts_made=0,
    attempts_left=6,
    last_error=None,
    result=None,
    created_at=ASKED_AT,
    started_at=None,
    finished_at=None,
    cancel_requested_at=None,
    replay_of=None,
    unique=None,
)
DEFINED = msgspec.structs.replace(
    SCHEDULED,
    definition="reports.render@2",
    target=Function(function="reports.render@7", params=Raw(b'{"month":"2026-12"}')),
    queue="definition:reports.render@2",
    priority=50,
    timeout_seconds=600,
    retry=Retry(max_attempts=3),
    attempts_left=3,
)
_ANSWER = Answer(status=200, headers={"content-type": "text/plain"}, body="thanks", truncated=False)
SUCCEEDED = msgspec.structs.replace(
    SCHEDULED,
    state=State.SUCCEEDED,
    next_attempt_at=None,
    attempts_made=1,
    attempts_left=0,
    result=_ANSWER,
    started_at=FIRES_AT,
    finished_at=ENDED_AT,
)
CANCELLED = msgspec.structs.replace(
    SCHEDULED, state=State.CANCELLED, next_attempt_at=None, attempts_left=0, finished_at=ASKED_AT
)
CANCELLING = msgspec.structs.replace(
    SCHEDULED,
    state=State.CANCELLING,
    next_attempt_at=None,
    attempts_made=1,
    attempts_left=5,
    started_at=FIRES_AT,
    cancel_requested_at=ENDED_AT,
)
REPLAY = msgspec.structs.replace(
    SCHEDULED, id=_OTHER_JOB_ID, replay_of=_JOB_ID, retry=Retry(max_attempts=2), attempts_left=2
)
LISTED = msgspec.structs.replace(
    SUCCEEDED, target=_WITHOUT_BODY, result=msgspec.structs.replace(_ANSWER, body=UNSET)
)
CREATED = CreatedJobs([msgspec.structs.replace(SCHEDULED, target=_WITHOUT_BODY)])
_FAILURE = JobError("http_status", "The target answered 503.")
LETTER = DeadLetter(
    id=_JOB_ID,
    target=_TARGET,
    fire_at=FIRES_AT,
    queue="default",
    priority=75,
    timeout_seconds=30,
    retry=Retry(max_attempts=6),
    labels={"team": "billing"},
    expires_at=None,
    success=Success(),
    attempts_made=6,
    last_error=_FAILURE,
    created_at=ASKED_AT,
    failed_at=FIRES_AT + timedelta(hours=1),
    replayed_as=None,
)
LISTED_LETTER = msgspec.structs.replace(LETTER, target=_WITHOUT_BODY)
ATTEMPT = Attempt(
    number=1,
    outcome=Outcome.SUCCEEDED,
    started_at=FIRES_AT,
    finished_at=ENDED_AT,
    duration_ms=208.4,
    replica_id=REPLICA_ID,
    request_id=REQUEST_ID,
    bytes_sent=14,
    response=_ANSWER,
    error=None,
)
LINE = LogLine(
    position="1-42",
    attempt=1,
    stream=Stream.STDOUT,
    at=FIRES_AT,
    text="imported 1,204 invoices",
    mark=None,
)
EVENT = HistoryEvent(
    id=UUID("0199b0f6-7d10-7e21-8a52-0f6c1f8f3a02"),
    kind=Event.STARTED,
    at=FIRES_AT,
    attempt=1,
    data=Raw(b"null"),
)
