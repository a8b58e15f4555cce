"""Answers of busy routes: JSON with a few headers, written at once.

Litestar's own response can do much more (cookies, other media types, work afterwards) and asks at every
answer whether it has to; that costs more than the encoding does.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from litestar import Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

T = TypeVar("T")

_encoder = msgspec.json.Encoder()
_TYPE = (b"content-type", b"application/json")


class Answer(Response[T]):
    """A JSON answer with this status and these headers."""

    def __init__(self, content: T, status: int, headers: Mapping[str, str]) -> None:
        self.content = content
        self.status_code = status
        self.headers = dict(headers)

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIResponse:
        """What Litestar sends in the end."""
        return _Written(self)


class _Written(ASGIResponse):
    """An answer as bytes."""

    def __init__(self, answer: Answer[Any]) -> None:
        self.body = _encoder.encode(answer.content)
        self.status_code = answer.status_code or 200
        self._head = [
            _TYPE,
            (b"content-length", b"%d" % len(self.body)),
            *((name.lower().encode(), value.encode()) for name, value in answer.headers.items()),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self._head})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})
