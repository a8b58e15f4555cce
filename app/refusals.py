"""Which codes an operation can be refused with: by what it takes, and by rules of its own.

The document lists them, and the tests of the API hold every answer against it: a code that is not told here
fails them.
"""

from collections.abc import Mapping
from typing import Any

from litestar.handlers import HTTPRouteHandler

from app.principal import FORM

_ALWAYS = {"bad_request", "headers_too_large", "internal_error", "unavailable"}
_PRIVATE = {"unauthenticated", "insufficient_scope", "rate_limited"}
_BODY = {
    "malformed_json", "request_timeout", "payload_too_large", "unsupported_media_type", "validation_failed",
}  # fmt: skip
_TARGET = {"destination_refused", "unsupported_target"}
# The jobs that the same request made may be gone.
_CREATING = _TARGET | {"idempotency_key_reused", "not_found", "not_unique"}

_OWN: Mapping[str, set[str]] = {
    "verifyMagicLink": {"unauthenticated"},
    "refreshSession": {"unauthenticated"},
    "createJob": _CREATING,
    "createJobs": _CREATING,
    "editJob": _TARGET | {"job_finished", "job_not_editable", "starting"},
    "cancelJob": {"job_finished"},
    "eraseJob": {"job_not_finished"},
    "replayJob": {"idempotency_key_reused", "job_erased", "job_not_finished", "not_unique"},
    "replayDeadLetter": {"already_replayed", "idempotency_key_reused", "job_erased", "not_unique"},
    "retryDeadLetter": {"already_replayed", "idempotency_key_reused", "job_erased", "not_unique"},
    "authorizeUpload": {"artifact_exists", "artifact_quota_reached", "too_many_artifacts"},
    "confirmUpload": {"not_uploaded"},
    "putUpload": {
        "already_uploaded",
        "payload_too_large",
        "request_timeout",
        "upload_in_progress",
        "validation_failed",
    },
    "encodeVideo": {"artifact_quota_reached", "idempotency_key_reused", "no_file", "not_found"},
    "downloadVideo": {"range_not_satisfiable", "video_not_encoded"},
    "downloadArtifact": {"range_not_satisfiable"},
    "downloadByLink": {"range_not_satisfiable"},
    "callBack": {"attempt_over", "history_full", "rate_limited"},
    "createQueue": {"queue_exists"},
    "editQueue": {"queue_exists", "queue_is_default", "queue_is_lane"},
    "deleteQueue": {"queue_is_default", "queue_is_lane", "queue_not_empty"},
    "createDefinition": {"definition_exists", "definition_registered", "destination_refused"},
    "editDefinition": {"definition_limited", "definition_registered", "destination_refused"},
    "deleteDefinition": {"definition_registered"},
    "runDefinition": {"destination_refused", "idempotency_key_reused", "not_unique"},
    "rotateSigningSecrets": {"too_many_secrets"},
}


def of(operation: Mapping[str, Any], handler: HTTPRouteHandler) -> set[str]:
    """The codes of an operation of the document, whose security is filled in."""
    codes = _ALWAYS | _OWN.get(operation["operationId"], set())
    if operation["security"]:
        alone = handler.opt.get("operator") or handler.opt.get("attempt")
        codes |= {"unauthenticated"} if alone else _PRIVATE
    if handler.opt.get("signed"):
        codes = (codes - _PRIVATE) | {"link_expired", "link_invalid"}
    if "requestBody" in operation and not handler.opt.get("bytes"):
        codes |= _BODY - ({"malformed_json"} if handler.opt.get(FORM) else set())
    places = {parameter["in"] for parameter in operation.get("parameters", ())}
    if "path" in places:
        codes |= {"not_found"}
    if places & {"query", "header"}:
        codes |= {"validation_failed"}
    return codes
