"""Who may call what: every operation of the OpenAPI document, once, as it is meant to be.

A route that is added and not written here fails the walk, and so does one whose policy changes unnoticed.
"""

from typing import Any

import msgspec

PUBLIC, OPERATOR, SIGNED, ATTEMPT = "public", "operator", "signed", "attempt"
READ, WRITE, ADMIN = "jobs:read", "jobs:write", "admin"


class Policy(msgspec.Struct, frozen=True):
    """What an operation takes."""

    who: str
    """PUBLIC, OPERATOR, SIGNED (a link, made for one thing), ATTEMPT, or the one scope that opens it."""
    names: str | None = None
    """What the id in its path names: `job`, `letter`, `queue`, `definition` and so on."""
    body: Any = None
    """A body that is not refused for its form, where one is needed."""


_JOB = {"target": {"url": "https://example.com/"}}

POLICY = {
    "GET /healthz": Policy(PUBLIC),
    "GET /readyz": Policy(PUBLIC),
    "POST /v1/auth/magic-link": Policy(PUBLIC, body={"email": "u@x.io"}),
    "POST /v1/auth/verify": Policy(PUBLIC, body={"token": "t"}),
    "POST /v1/auth/refresh": Policy(PUBLIC),
    "POST /v1/auth/logout": Policy(WRITE),
    "GET /v1/me": Policy(READ),
    "GET /v1/jobs": Policy(READ),
    "POST /v1/jobs": Policy(WRITE, body=_JOB),
    "POST /v1/jobs:batch": Policy(WRITE, body={"jobs": [_JOB]}),
    "POST /v1/jobs:cancel": Policy(WRITE, body={"all": True, "dry_run": True}),
    "GET /v1/jobs/{job_id}": Policy(READ, "job"),
    "PATCH /v1/jobs/{job_id}": Policy(WRITE, "job", {"priority": 1}),
    "GET /v1/jobs/{job_id}/attempts": Policy(READ, "job"),
    "GET /v1/jobs/{job_id}/events": Policy(READ, "job"),
    "POST /v1/jobs/{job_id}/callback": Policy(ATTEMPT, "job", {"note": "x"}),
    "GET /v1/jobs/{job_id}/logs": Policy(READ, "job"),
    "GET /v1/jobs/{job_id}/logs/stream": Policy(READ, "job"),
    "GET /v1/jobs/{job_id}/artifacts": Policy(READ, "job"),
    "POST /v1/jobs/{job_id}/artifacts": Policy(WRITE, "job", {"name": "a.txt", "size": 1}),
    "GET /v1/jobs/{job_id}/artifacts/{name}": Policy(READ, "job"),
    "DELETE /v1/jobs/{job_id}/artifacts/{name}": Policy(WRITE, "job"),
    "POST /v1/jobs/{job_id}/artifacts/{name}/confirm": Policy(WRITE, "job"),
    "POST /v1/jobs/{job_id}/artifacts/{name}/link": Policy(READ, "job"),
    "POST /v1/videos/encode": Policy(WRITE),
    "GET /v1/videos/{job_id}/status": Policy(READ, "video"),
    "GET /v1/videos/{job_id}/download": Policy(READ, "video"),
    "PUT /v1/artifacts/{artifact_id}/content": Policy(SIGNED, "artifact"),
    "GET /v1/artifacts/{artifact_id}/content": Policy(SIGNED, "artifact"),
    "POST /v1/jobs/{job_id}/cancel": Policy(WRITE, "job"),
    "POST /v1/jobs/{job_id}/replay": Policy(WRITE, "job"),
    "POST /v1/jobs/{job_id}/erase": Policy(ADMIN, "job"),
    "GET /v1/queues": Policy(READ),
    "POST /v1/queues": Policy(WRITE, body={"name": "q"}),
    "GET /v1/queues/{queue}": Policy(READ, "queue"),
    "PATCH /v1/queues/{queue}": Policy(WRITE, "queue", {"timeout_seconds": 60}),
    "DELETE /v1/queues/{queue}": Policy(WRITE, "queue"),
    "POST /v1/queues/{queue}/pause": Policy(WRITE, "queue"),
    "POST /v1/queues/{queue}/resume": Policy(WRITE, "queue"),
    "GET /v1/definitions": Policy(READ),
    "POST /v1/definitions": Policy(WRITE, body={"key": "d", "target": {"url": "https://example.com/"}}),
    "GET /v1/definitions/{definition}": Policy(READ, "definition"),
    "PATCH /v1/definitions/{definition}": Policy(WRITE, "definition", {"priority": 1}),
    "DELETE /v1/definitions/{definition}": Policy(WRITE, "definition"),
    "POST /v1/definitions/{definition}/run": Policy(WRITE, "definition"),
    "GET /v1/dlq": Policy(READ),
    "POST /v1/dlq:replay": Policy(WRITE, body={"all": True, "dry_run": True}),
    "POST /v1/dlq:purge": Policy(WRITE, body={"all": True, "dry_run": True}),
    "GET /v1/dlq/{job_id}": Policy(READ, "letter"),
    "POST /v1/dlq/{job_id}/replay": Policy(WRITE, "letter"),
    "POST /v1/dlq/{job_id}/retry": Policy(WRITE, "letter"),
    "GET /v1/signing-secrets": Policy(ADMIN),
    "POST /v1/signing-secrets/rotate": Policy(ADMIN),
    "GET /v1/tokens": Policy(ADMIN),
    "POST /v1/tokens": Policy(ADMIN, body={"name": "t", "scopes": ["admin"]}),
    "DELETE /v1/tokens/{token_id}": Policy(ADMIN, "token"),
    "POST /v1/tenants": Policy(OPERATOR, body={"name": "t"}),
    "GET /v1/tenants/current": Policy(READ),
    "GET /v1/tenants/{tenant_id}": Policy(READ, "tenant"),
    "PATCH /v1/tenants/{tenant_id}": Policy(ADMIN, "tenant", {"keep_jobs_days": 7}),
    "DELETE /v1/tenants/{tenant_id}": Policy(ADMIN, "tenant", {"confirm": "nothing of that name"}),
    "GET /v1/audit": Policy(ADMIN),
    "GET /v1/replicas": Policy(READ),
    "GET /v1/doctor": Policy(ADMIN),
}
