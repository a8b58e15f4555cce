"""The outermost layer: what holds for every request and every answer, whatever happens inside.

Gives each request an id, refuses what no route may ever see (paths written in disguise, too many headers,
NUL), sets the security headers, bounds the time a body may take, writes one log line and counts. An error
that escapes everything inside ends here as a problem document.

The query string is never logged: people put secrets there.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

import structlog

from app import errors
from app.cors import Cors, Headers
from app.errors import Rejected
from core import ids, log, metrics

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]

_log = log.get(__name__)

_MAX_HEADERS = 100
_MAX_HEADER_BYTES = 32 * 1024
_BODY_SECONDS = 60.0
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_QUIET = {"/healthz", "/readyz", "/metrics"}

SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
_HSTS = (b"strict-transport-security", b"max-age=31536000")


class Edge:
    """Wraps the whole application."""

    def __init__(
        self, app: ASGIApp, *, https: bool, cors: Cors | None = None, body_seconds: float = _BODY_SECONDS
    ) -> None:
        self._app = app
        self._cors = cors or Cors()
        self._body_seconds = body_seconds
        self._defaults = (*SECURITY_HEADERS, _HSTS) if https else SECURITY_HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass lifespan events through; see to requests."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        added = (*self._defaults, *self._cors.headers(scope), (b"x-request-id", request_id.encode()))
        answer = _Answer(send, added, scope["state"])
        started = time.perf_counter()
        # Every request has a task of its own, and so a context that ends with it.
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self._handle(scope, receive, answer, request_id)
        finally:
            _account(scope, answer.status or 500, time.perf_counter() - started)

    async def _handle(self, scope: Scope, receive: Receive, answer: "_Answer", request_id: str) -> None:
        try:
            _check(scope)
            if (allowed := self._cors.preflight(scope)) is not None:
                await answer.empty(allowed)
                return
            await self._app(scope, _Body(receive, scope["state"], self._body_seconds).receive, answer.send)
        except Rejected as error:
            await answer.problem(error.status, error.code, error.message, request_id)
        except Exception:
            if answer.status is not None:
                raise
            _log.exception("request_failed")
            await answer.problem(500, "internal_error", "Something went wrong on our side.", request_id)


class _Answer:
    """What goes back: adds the headers that every answer has, unless a route set its own, and remembers."""

    def __init__(self, send: Send, defaults: Headers, state: MutableMapping[str, Any]) -> None:
        self._send = send
        self._defaults = defaults
        self._state = state
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        """The ASGI `send` that the application is given."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = message["headers"]
            names = {name.lower() for name, _ in given}
            added = (*self._defaults, *self._state.get("headers", ()))
            message["headers"] = [*given, *(item for item in added if item[0] not in names)]
        await self._send(message)

    async def empty(self, headers: Headers) -> None:
        """Answer 204 without the application."""
        await self.send({"type": "http.response.start", "status": 204, "headers": list(headers)})
        await self.send({"type": "http.response.body", "body": b"", "more_body": False})

    async def problem(self, status: int, code: str, detail: str, request_id: str) -> None:
        """Answer without the application."""
        content = errors.render(status, code, detail, request_id)
        headers = [
            (b"content-type", errors.MEDIA_TYPE.encode()),
            (b"content-length", str(len(content)).encode()),
        ]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": content, "more_body": False})


class _Body:
    """The request's body, for which there is one deadline however small its pieces are."""

    def __init__(self, receive: Receive, state: MutableMapping[str, Any], seconds: float) -> None:
        self._receive = receive
        self._state = state
        self._seconds = seconds
        self._deadline: float | None = None
        self._complete = False

    async def receive(self) -> Message:
        """The ASGI `receive` that the application is given."""
        if self._complete:
            return await self._receive()
        if self._deadline is None:
            # A route that takes large bodies gives them longer, before it reads.
            seconds = self._state.get("body_seconds", self._seconds)
            self._deadline = asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise Rejected(408, "request_timeout", "The body took too long to arrive.") from None
        if message["type"] == "http.disconnect":
            raise Rejected(400, "bad_request", "The connection closed before the body was complete.")
        self._complete = not message.get("more_body", False)
        return message


def _check(scope: Scope) -> None:
    headers = scope["headers"]
    size = sum(len(name) + len(value) for name, value in headers)
    if len(headers) > _MAX_HEADERS or size > _MAX_HEADER_BYTES:
        raise Rejected(431, "headers_too_large", "The request has too many or too large headers.")
    if not _is_plain(scope):
        raise Rejected(404, "not_found", "Not Found.")
    if b"\x00" in unquote_to_bytes(scope["query_string"]):
        raise Rejected(400, "bad_request", "The query contains a NUL character.")


def _is_plain(scope: Scope) -> bool:
    """Whether the path names the route it is written as: nothing to fold, nothing hidden in an escape."""
    raw = scope.get("raw_path") or scope["path"].encode()
    if raw == b"/":
        return True
    written = raw.split(b"/")
    segments = unquote_to_bytes(raw).split(b"/")
    return (
        len(written) == len(segments)
        and written[0] == b""
        and all(_is_plain_segment(segment) for segment in segments[1:])
    )


def _is_plain_segment(segment: bytes) -> bool:
    if segment in (b"", b".", b"..") or b"\\" in segment:
        return False
    try:
        return segment.decode().isprintable()
    except UnicodeDecodeError:
        return False


def _request_id(scope: Scope) -> str:
    """The caller's id if it is one and safe to echo, else a fresh one."""
    given: list[bytes] = [value for name, value in scope["headers"] if name == b"x-request-id"]
    if len(given) == 1 and ids.is_request_id(text := given[0].decode("latin-1")):
        return text
    return ids.new_text()


# There are few; prometheus would look for each under a lock.
_counted = lru_cache(maxsize=256)(metrics.requests.labels)


def _account(scope: Scope, status: int, seconds: float) -> None:
    method = scope["method"] if scope["method"] in _METHODS else "other"
    _counted(method, status).inc()
    metrics.request_seconds.observe(seconds)
    path = (scope.get("raw_path") or b"").decode("latin-1")[:200]
    write = _log.debug if path in _QUIET and status < 400 else _log.info
    write(
        "request",
        method=method,
        path=path,
        route=scope.get("path_template"),
        status=status,
        duration_ms=round(seconds * 1000, 2),
    )
