"""What a server would answer, as documents."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx

URL = "http://noonmark.test"
ID = "0199b0f6-6a4e-7c51-8f3e-2f4f3d9f3f11"
OTHER = "0199b0f6-6a4e-7c51-8f3e-2f4f3d9f3f12"
NOON = "2027-01-01T12:00:00+00:00"


def queue(**given: Any) -> dict[str, Any]:
    """A queue without limits."""
    return {
        "id": ID,
        "name": "default",
        "paused": False,
        "max_concurrency": None,
        "rate": None,
        "retry": None,
        "timeout_seconds": None,
        "created_at": NOON,
    } | given


def job(**given: Any) -> dict[str, Any]:
    """A job that waits."""
    target = {
        "type": "http",
        "url": "https://example.com/hook",
        "method": "POST",
        "headers": {},
        "secret_headers": [],
        "body": {"any": "json"},
    }
    return {
        "id": ID,
        "state": "scheduled",
        "target": target,
        "fire_at": NOON,
        "next_attempt_at": NOON,
        "queue": "default",
        "priority": 50,
        "timeout_seconds": 30,
        "retry": {"max_attempts": 4, "backoff": "linear", "base_seconds": 1, "max_seconds": 9, "jitter": 0},
        "labels": {"team": "billing"},
        "expires_at": None,
        "success": {"status": ["2xx"]},
        "attempts_made": 0,
        "attempts_left": 4,
        "last_error": None,
        "result": None,
        "created_at": NOON,
        "started_at": None,
        "finished_at": None,
        "cancel_requested_at": None,
        "replay_of": None,
    } | given


def letter(**given: Any) -> dict[str, Any]:
    """A dead letter."""
    error = {"code": "http_status", "message": "answered 500"}
    kept = {name: value for name, value in job().items() if name in _KEPT}
    return kept | {"failed_at": NOON, "last_error": error, "replayed_as": None} | given


_KEPT = {"id", "target", "fire_at", "queue", "priority", "timeout_seconds", "retry", "labels", "created_at"}


def attempt(number: int = 1, **given: Any) -> dict[str, Any]:
    """An attempt that was answered with 500."""
    return {
        "number": number,
        "outcome": "failed",
        "started_at": NOON,
        "finished_at": NOON,
        "duration_ms": 12.5,
        "replica_id": OTHER,
        "request_id": f"abc-{number}",
        "bytes_sent": 310,
        "response": {"status": 500, "headers": {"server": "x"}, "body": "oops", "truncated": False},
        "error": {"code": "http_status", "message": "answered 500"},
    } | given


def event(kind: str = "created", **given: Any) -> dict[str, Any]:
    """A line of a job's history."""
    return {"id": OTHER, "kind": kind, "at": NOON, "attempt": None, "data": None} | given


def page(*items: Any, after: str | None = None) -> dict[str, Any]:
    """A part of a list."""
    return {"items": list(items), "next_cursor": after}


def problem(status: int, code: str, **given: Any) -> httpx.Response:
    """A refusal."""
    headers = given.pop("headers", {})
    document = {
        "type": f"urn:noonmark:problem:{code}",
        "title": code,
        "status": status,
        "detail": f"It is {code}.",
        "code": code,
        "request_id": "req-1",
    }
    headers = {"Content-Type": "application/problem+json"} | headers
    return httpx.Response(status, json=document | given, headers=headers)


def video(**given: Any) -> dict[str, Any]:
    """A video that waits to be encoded."""
    return {
        "id": ID,
        "state": "queued",
        "input_file": {"name": "holiday.mov", "size": 48211004, "sha256": "9f86"},
        "quality": "720p",
        "format": "mp4",
        "progress": None,
        "output_filename": None,
        "output_size": None,
        "download_url": None,
        "attempts_made": 0,
        "last_error": None,
        "created_at": NOON,
        "started_at": None,
        "finished_at": None,
    } | given


def encoded(**given: Any) -> dict[str, Any]:
    """The same, once it is over."""
    made = {"output_filename": "holiday-720p.mp4", "output_size": 11, "download_url": f"{URL}/v1/videos/{ID}"}
    return video(state="succeeded", progress=100, attempts_made=1) | made | given


class Breaking(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that breaks off."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content
        raise httpx.ReadError("gone")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


def file(content: bytes, first: int = 0, upto: int | None = None, **headers: str) -> httpx.Response:
    """A file, or from its byte `first` on; `upto` is where it breaks off."""
    told = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
    if first:
        told["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
    stream = httpx.ByteStream(content[first:]) if upto is None else Breaking(content[first:upto])
    return httpx.Response(206 if first else 200, stream=stream, headers=told | headers)


def line(number: int, text: str, **given: Any) -> dict[str, Any]:
    """A line that a job printed."""
    return {"position": f"1-{number}", "attempt": 1, "stream": "stdout", "at": NOON, "text": text} | given
