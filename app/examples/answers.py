"""What each struct that answers a request looks like, and a few operations whose answer says more."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Raw, Struct

from app.artifacts.schemas import Artifact, Artifacts, Link, Upload
from app.audit.model import Action
from app.audit.schemas import Audit, Entry
from app.bulk.schemas import CancelledJobs, PurgedLetters, ReplayedLetters
from app.callbacks.schemas import Heard
from app.dead_letters.schemas import DeadLetters
from app.definitions.schemas import Definition, Definitions
from app.doctor.schemas import Finding, Report, Verdict
from app.examples import jobs, videos
from app.health.schemas import Health, Readiness
from app.jobs.code_schemas import Function
from app.jobs.schemas import Attempts, Events, JobPage
from app.logs.schemas import Logs
from app.principal import Actor, Scope
from app.queues.schemas import Queue, Queues, Rate
from app.replicas.schemas import Replica, Replicas, ReplicaState
from app.signing_secrets.schemas import SigningSecret, SigningSecrets
from app.tenants.schemas import CreatedTenant, Erasing, TenantSettings
from app.tokens.schemas import FreshToken, Token, Tokens
from app.users.schemas import Asked, Me, SignedIn, Tenant, User
from core.jobs.backoff import Retry
from core.jobs.success import Success

_TENANT_ID = UUID("0199b0f0-0a1b-7c2d-8e3f-4a5b6c7d8e9f")
_USER_ID = UUID("0199b0f0-0a1b-7c2d-8e3f-4a5b6c7d8ea0")
_TOKEN_ID = UUID("0199b0f1-22c4-7d01-9b1e-33c5d7e9f012")
_CURSOR = "AZmw9n0QfiGKUg9sH486AQ"

_USER = User(_USER_ID, "ada@example.com", jobs.ASKED_AT)
_TENANT = Tenant(_TENANT_ID, "acme", jobs.ASKED_AT)
_SETTINGS = TenantSettings(
    id=_TENANT_ID,
    name="acme",
    created_at=jobs.ASKED_AT,
    request_rate=200.0,
    request_burst=400,
    keep_jobs_days=30,
    keep_history_days=30,
    keep_dead_letters_days=90,
    max_concurrency=0,
)
_TOKEN: dict[str, Any] = {
    "id": _TOKEN_ID,
    "name": "ci",
    "prefix": "nm_4fQ0aZ9x",
    "scopes": [Scope.READ, Scope.WRITE],
    "created_at": jobs.ASKED_AT,
    "last_used_at": None,
    "expires_at": None,
}
_FRESH = FreshToken(**_TOKEN, token="nm_4fQ0aZ9x…")  # noqa: S106
_SIGNED_IN = SignedIn(
    access_token="eyJhbGciOiJIUzI1NiJ9…",  # noqa: S106
    refresh_token="7hYk2LmPqRsTuVwXyZ",  # noqa: S106
    user=_USER,
    tenant=_TENANT,
)
_SECRETS = [
    SigningSecret(UUID("0199b0f8-0000-7000-8000-000000000002"), "whsec_bmV3ZXIg…", jobs.FIRES_AT, None),
    SigningSecret(
        UUID("0199b0f0-0000-7000-8000-000000000001"),
        "whsec_b2xkZXIg…",
        jobs.ASKED_AT,
        jobs.FIRES_AT + timedelta(hours=1),
    ),
]
_ARTIFACT = Artifact(
    name="report.pdf",
    attempt=1,
    size=18_230,
    sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    content_type="application/pdf",
    created_at=jobs.FIRES_AT,
)
_LINK = (
    "https://noonmark.example/v1/artifacts/0199b0f9-1111-7222-8333-444455557777/content"
    "?expires=1798790400&signature=4fQ0aZ9xT1uVbW2cXdYe"
)
_ENTRY = Entry(
    id=UUID("0199b0f9-1111-7222-8333-444455556666"),
    at=jobs.ASKED_AT,
    actor=Actor.USER,
    actor_id=_USER_ID,
    action=Action.TOKEN_CREATED,
    subject=str(_TOKEN_ID),
    detail=Raw(b'{"name":"ci","prefix":"nm_4fQ0aZ9x","scopes":["jobs:read","jobs:write"]}'),
    request_id=jobs.REQUEST_ID,
)
_QUEUE = Queue(
    id=UUID("0199b0f2-5b3c-7a10-8d4e-6f7a8b9c0d1e"),
    name="imports",
    paused=False,
    max_concurrency=4,
    rate=Rate(count=10),
    retry=None,
    timeout_seconds=60,
    created_at=jobs.ASKED_AT,
)
_DEFINITION = Definition(
    id=UUID("0199b0f3-1d2e-7f30-8a4b-5c6d7e8f9a0b"),
    key="reports.render",
    version=2,
    name="reports.render@2",
    registered=False,
    description="Renders the report of a month.",
    target=Function(function="reports.render@7"),
    queue="default",
    priority=50,
    timeout_seconds=600,
    retry=Retry(max_attempts=3),
    default_max_attempts=3,
    success=Success(),
    labels={"team": "billing"},
    concurrency_limit=3,
    params_schema=Raw(b'{"type":"object","required":["month"]}'),
    result_schema=None,
    created_at=jobs.ASKED_AT,
    changed_at=jobs.ASKED_AT,
)
_REPLICA = Replica(
    id=jobs.REPLICA_ID,
    state=ReplicaState.ALIVE,
    started_at=jobs.ASKED_AT,
    beat_at=jobs.FIRES_AT,
    offers=["http", "function"],
    concurrency=512,
    in_flight=3,
)
_REPORT = Report(
    Verdict.WARNING,
    [
        Finding("database_latency_seconds", Verdict.FINE, 0.0008),
        Finding("oldest_ready_age_seconds", Verdict.WARNING, 14.2, "jobs wait", "add schedulers or slots"),
    ],
)

EVENTS = f"id: {jobs.LINE.position}\ndata: {msgspec.json.encode(jobs.LINE).decode()}\n\n"
"""What streams of lines look like."""

_ANSWERS = (
    Health(),
    Readiness(),
    Asked(),
    _SIGNED_IN,
    Me(_USER, _TENANT, sorted(Scope)),
    jobs.SUCCEEDED,
    jobs.CREATED,
    JobPage([jobs.LISTED], _CURSOR),
    Attempts([jobs.ATTEMPT]),
    Events([jobs.EVENT], None),
    Logs([jobs.LINE], "1-42"),
    _ARTIFACT,
    Artifacts([_ARTIFACT], None),
    Upload(name="report.pdf", size=18_230, url=_LINK, expires_at=jobs.FIRES_AT),
    Link(url=_LINK, expires_at=jobs.FIRES_AT),
    Heard(cancel_requested=False),
    jobs.LETTER,
    DeadLetters([jobs.LISTED_LETTER], None),
    CancelledJobs(matched=120, cancelled=118, cancelling=2, more=False),
    ReplayedLetters(matched=40, replayed=40, more=False),
    PurgedLetters(matched=40, purged=40, more=False),
    SigningSecrets(_SECRETS),
    _FRESH,
    Tokens([Token(**_TOKEN)], None),
    _SETTINGS,
    CreatedTenant(_SETTINGS, _FRESH),
    Erasing(_TENANT_ID),
    Audit([_ENTRY], None),
    _QUEUE,
    Queues([_QUEUE], None),
    _DEFINITION,
    Definitions([_DEFINITION], None),
    Replicas([_REPLICA]),
    _REPORT,
    videos.ENCODED,
)
_BY_KIND: Mapping[str, Struct] = {type(answer).__name__: answer for answer in _ANSWERS}
_BY_OPERATION: Mapping[tuple[str, str], Struct] = {
    ("createJob", "200"): jobs.SCHEDULED,
    ("createJob", "201"): jobs.SCHEDULED,
    ("encodeVideo", "200"): videos.ENCODED,
    ("encodeVideo", "201"): videos.WAITING,
    ("editJob", "200"): jobs.SCHEDULED,
    ("cancelJob", "200"): jobs.CANCELLED,
    ("cancelJob", "202"): jobs.CANCELLING,
    ("replayJob", "200"): jobs.REPLAY,
    ("replayJob", "201"): jobs.REPLAY,
    ("runDefinition", "200"): jobs.DEFINED,
    ("runDefinition", "201"): jobs.DEFINED,
    ("replayDeadLetter", "200"): jobs.REPLAY,
    ("replayDeadLetter", "201"): jobs.REPLAY,
    ("retryDeadLetter", "200"): jobs.REPLAY,
    ("retryDeadLetter", "201"): jobs.REPLAY,
}


def of(operation: str, status: str, kind: str) -> Struct:
    """What an operation answers. KeyError if nobody has given an example of it."""
    return _BY_OPERATION.get((operation, status)) or _BY_KIND[kind]
