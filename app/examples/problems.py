"""Every code that a request can be refused with, once, as an answer would tell it."""

from uuid import UUID

from app.errors import Problem
from core.errors import Fault

_TOO_SHORT = Fault("wrong_length", "must have at least 1 characters", pointer="/target/url")
_NO_TYPE = Fault("unsupported_target", "must be http", pointer="/target/type")
_REFUSED = Fault("destination_refused", "is not a public address", pointer="/target/url")
_TWIN = Fault(
    "not_unique",
    "job 0199b0f6-7d10-7e21-8a52-0f6c1f8f3a01 stands already",
    pointer="/unique",
    twin=UUID("0199b0f6-7d10-7e21-8a52-0f6c1f8f3a01"),
)
_REUSED = Fault("idempotency_key_reused", "was used for another request", parameter="Idempotency-Key")


def _problem(status: int, code: str, detail: str, *faults: Fault) -> Problem:
    return Problem(
        type=f"urn:noonmark:problem:{code}",
        title=code.replace("_", " ").capitalize(),
        status=status,
        detail=detail,
        code=code,
        request_id="0199b0f6-6a4e-7c51-8f3e-2f4f3d9f3f11",
        errors=list(faults),
    )


_ALL = (
    _problem(400, "bad_request", "The query contains a NUL character."),
    _problem(400, "malformed_json", "The body is not valid JSON."),
    _problem(400, "no_file", "Send a video as the part `video` of the form."),
    _problem(401, "unauthenticated", "The access token is not valid, or not any more."),
    _problem(403, "insufficient_scope", "The credential is valid, but does not allow this."),
    _problem(403, "link_expired", "The link has expired; ask for another one."),
    _problem(403, "link_invalid", "The link was changed, or is for something else."),
    _problem(404, "not_found", "There is no such thing here."),
    _problem(408, "request_timeout", "The body took too long to arrive."),
    _problem(409, "already_replayed", "It was replayed as job 0199b0f7-1c2d-7a3b-9e4f-5a6b7c8d9e0f."),
    _problem(409, "definition_exists", "Another of your definitions has this key and version."),
    _problem(409, "definition_limited", "Its jobs share another function's limit; make a version."),
    _problem(409, "definition_registered", "It is of a registered function, and only to be read."),
    _problem(409, "already_uploaded", "It was put before; confirm it."),
    _problem(409, "artifact_exists", "The job has a file by this name, or is to get one."),
    _problem(409, "artifact_quota_reached", "There is no room for it; delete other files first."),
    _problem(409, "attempt_over", "The attempt is over, or somebody else's by now."),
    _problem(409, "history_full", "An attempt tells 1000 things at most; this was not kept."),
    _problem(409, "job_erased", "What the job carried was erased; there is nothing left to replay."),
    _problem(409, "job_finished", "The job has ended."),
    _problem(409, "job_not_editable", "The job is running or being cancelled."),
    _problem(409, "job_not_finished", "The job is not over."),
    _problem(409, "not_uploaded", "Its bytes have not been put yet."),
    _problem(409, "not_unique", f"/unique: {_TWIN.message}", _TWIN),
    _problem(409, "queue_exists", "Another of your queues has this name."),
    _problem(409, "queue_is_default", "The queue `default` cannot be renamed or deleted."),
    _problem(409, "queue_is_lane", "It belongs to a definition that is limited; change that."),
    _problem(409, "queue_not_empty", "Jobs wait or run in this queue; cancel them, or let them end."),
    _problem(409, "starting", "The job is about to start."),
    _problem(409, "too_many_artifacts", "The job has 100 uploaded files already."),
    _problem(409, "upload_in_progress", "Somebody is putting it now."),
    _problem(409, "too_many_secrets", "8 sign already; rotate without overlap, or wait."),
    _problem(409, "video_not_encoded", "The video is not encoded yet."),
    _problem(413, "payload_too_large", "Request Entity Too Large."),
    _problem(415, "unsupported_media_type", "Send the body as application/json in UTF-8."),
    _problem(416, "range_not_satisfiable", "The file has 1024 bytes."),
    _problem(422, "destination_refused", "/target/url: is not a public address", _REFUSED),
    _problem(422, "idempotency_key_reused", "Idempotency-Key: was used for another request", _REUSED),
    _problem(422, "unsupported_target", "/target/type: must be http", _NO_TYPE),
    _problem(422, "validation_failed", "/target/url: must have at least 1 characters", _TOO_SHORT),
    _problem(429, "rate_limited", "Too many requests; try again later."),
    _problem(431, "headers_too_large", "The request has too many or too large headers."),
    _problem(500, "internal_error", "Something went wrong on our side."),
    _problem(503, "unavailable", "The database cannot do this right now; try again."),
)

PROBLEMS = {problem.code: problem for problem in _ALL}
"""By code."""
