"""Every error as a problem document (RFC 9457): the one table from our errors to HTTP.

Whatever goes wrong, the answer is `application/problem+json` with a stable `code` and the `request_id` that
finds the log lines. Nothing of an unexpected error is shown: no text, no SQL, no stack.
"""

from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from core import log
from core.db import is_transient
from core.errors import (
    Conflict,
    Fault,
    Invalid,
    NoonmarkError,
    NotFound,
    NotUnique,
    RateLimited,
    StorageAway,
    StorageFull,
    Unauthenticated,
    Unavailable,
)

MEDIA_TYPE = "application/problem+json"

_log = log.get(__name__)
_RETRY_AFTER_OUTAGE = 2
_DETAILED = 3
"""Faults that the detail names; the list has them all."""


class Rejected(NoonmarkError):
    """The request cannot be read, or is refused before any of our rules looked at it."""

    def __init__(
        self, status: int, code: str, message: str, *, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or {}


class InsufficientScope(NoonmarkError):
    """The credential is valid, but does not allow this."""

    code = "insufficient_scope"


class NotReady(NoonmarkError):
    """The service is not ready; ``faults`` names each failing check."""

    code = "unavailable"

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(f"{fault.code}: {fault.message}" for fault in faults))
        self.faults = faults


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What every failed request is answered with."""

    type: str
    """A URN made of the code."""
    title: str
    """The code in words; the same for every problem of this kind."""
    status: int
    """The HTTP status, again."""
    detail: str
    """What happened this time."""
    code: str
    """Stable, for programs."""
    request_id: str
    """Finds this request in the logs."""
    errors: list[Fault] = []
    """Each single fault, where there are several."""


_STATUS: dict[type[NoonmarkError], int] = {
    Unauthenticated: 401,
    InsufficientScope: 403,
    NotFound: 404,
    Conflict: 409,
    NotUnique: 409,
    Invalid: 422,
    RateLimited: 429,
    Unavailable: 503,
    StorageAway: 503,
    StorageFull: 503,
    NotReady: 503,
}
_CODES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "payload_too_large",
    415: "unsupported_media_type",
}


def render(status: int, code: str, detail: str, request_id: str, errors: list[Fault] | None = None) -> bytes:
    """The document's bytes, for whoever answers without Litestar."""
    problem = Problem(
        type=f"urn:noonmark:problem:{code}",
        title=code.replace("_", " ").capitalize(),
        status=status,
        detail=detail,
        code=code,
        request_id=request_id,
        errors=errors or [],
    )
    return msgspec.json.encode(problem)


def on_noonmark_error(request: Request[Any, Any, Any], error: NoonmarkError) -> Response[bytes]:
    """Our own errors, by the table."""
    status = error.status if isinstance(error, Rejected) else _STATUS.get(type(error), 500)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return on_unexpected(request, error)
    if isinstance(error, Invalid | NotUnique | NotReady):
        detail = "; ".join(_sentence(fault) for fault in error.faults[:_DETAILED])
        return _answer(request, status, error.code, detail, headers=_headers(error), errors=error.faults)
    return _answer(request, status, error.code, error.message, headers=_headers(error))


def on_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Litestar's own: unknown route, method not allowed, body too large, parameters that do not fit."""
    if isinstance(error, ValidationException):
        return on_noonmark_error(request, Invalid(_parameter_faults(error)))
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return on_unexpected(request, error)
    status = error.status_code
    phrase = HTTPStatus(status).phrase
    return _answer(request, status, _CODES.get(status, "bad_request"), f"{phrase}.", headers=error.headers)


def on_unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """An outage or a clash asks for another try; anything else is our fault and shows nothing."""
    if is_transient(error):
        _log.warning("database_unavailable", error=type(error).__name__)
        headers = {"Retry-After": str(_RETRY_AFTER_OUTAGE)}
        return _answer(
            request, 503, "unavailable", "The database cannot do this right now; try again.", headers
        )
    _log.error("request_failed", exc_info=error)
    return _answer(request, 500, "internal_error", "Something went wrong on our side.")


def request_id(request: Request[Any, Any, Any]) -> str:
    """The id the edge gave this request."""
    return str(request.scope["state"].get("request_id", ""))


def _answer(
    request: Request[Any, Any, Any],
    status: int,
    code: str,
    detail: str,
    headers: dict[str, str] | None = None,
    errors: list[Fault] | None = None,
) -> Response[bytes]:
    content = render(status, code, detail, request_id(request), errors)
    return Response(content=content, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def _sentence(fault: Fault) -> str:
    place = fault.pointer or fault.parameter
    return f"{place}: {fault.message}" if place else fault.message


def _headers(error: NoonmarkError) -> dict[str, str]:
    match error:
        case Rejected():
            return error.headers
        case Unauthenticated():
            return {"WWW-Authenticate": 'Bearer realm="noonmark"'}
        case InsufficientScope():
            return {"WWW-Authenticate": 'Bearer realm="noonmark", error="insufficient_scope"'}
        case RateLimited():
            return {"Retry-After": str(max(1, round(error.retry_after)))}
        case Unavailable() | NotReady():
            return {"Retry-After": str(_RETRY_AFTER_OUTAGE)}
        case _:
            return {}


def _parameter_faults(error: ValidationException) -> list[Fault]:
    """Litestar reports parameters, and a body that is missing altogether, as a list of small dicts."""
    extra = error.extra if isinstance(error.extra, list) else []
    return [_parameter_fault(item) for item in extra] or [Fault(code="invalid", message=error.detail)]


def _parameter_fault(item: dict[str, Any]) -> Fault:
    key, message = str(item.get("key", "")), str(item.get("message", "does not fit"))
    if key == "data":
        return Fault(code="missing", message="a JSON body is needed", pointer="")
    return Fault(code="invalid", message=message, parameter=key)


HANDLERS: dict[Any, Any] = {
    NoonmarkError: on_noonmark_error,
    HTTPException: on_http_exception,
    Exception: on_unexpected,
}
