"""The HTTP server: uvicorn in this process, with what it leaves unbounded bounded.

Why uvicorn, and why not by its own command, is told in `docs/decisions/0003-asgi-server.md`.
"""

import asyncio
import contextlib
import gc
from collections.abc import Callable, Generator
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app import errors
from app.edge import SECURITY_HEADERS, ASGIApp
from core import ids

_MAX_HEAD_BYTES = 64 * 1024
_HEAD_SECONDS = 15.0
_GRACE_SECONDS = 30
# Longer than clients and balancers keep a connection: who hangs up first must not be us, just as they ask.
_IDLE_SECONDS = 75


class _Transport:
    """A connection as uvicorn uses it; head and body of an answer, written one by one, are sent together."""

    def __init__(self, inner: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._inner = inner
        self._loop = loop
        self._written: list[bytes] = []
        self.abort = inner.abort
        self.get_extra_info = inner.get_extra_info
        self.is_closing = inner.is_closing
        self.pause_reading = inner.pause_reading
        self.resume_reading = inner.resume_reading

    def write(self, data: bytes) -> None:
        """Send with what is written next."""
        if not self._written:
            self._loop.call_soon(self._flush)
        self._written.append(data)

    def close(self) -> None:
        """Send the rest and hang up."""
        self._flush()
        self._inner.close()

    def _flush(self) -> None:
        written, self._written = self._written, []
        if written and not self.is_closing():
            self._inner.writelines(written)


class _Protocol(HttpToolsProtocol):
    """uvicorn's, but the head of a request has a size and a deadline, and bad HTTP a problem document.

    Who serves a request for long finds `abort` in its state, which hangs up at once.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._head_due: asyncio.TimerHandle | None = None
        self._expect_head()

    def connection_made(self, transport: Any) -> None:
        together: Any = _Transport(transport, self.loop)
        super().connection_made(together)

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_due is not None and self._head_bytes > _MAX_HEAD_BYTES:
            self.send_400_response("")

    def on_message_begin(self) -> None:
        self._expect_head()
        super().on_message_begin()
        self.scope["state"]["abort"] = self.transport.abort

    def on_headers_complete(self) -> None:
        self._head_arrived()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, or too much of it, and close."""
        if self.transport.is_closing():
            return
        self._head_arrived()
        request_id = str(ids.new())
        content = errors.render(400, "bad_request", "This is no HTTP request we can read.", request_id)
        headers = [
            *SECURITY_HEADERS,
            (b"x-request-id", request_id.encode()),
            (b"content-type", errors.MEDIA_TYPE.encode()),
            (b"content-length", str(len(content)).encode()),
            (b"connection", b"close"),
        ]
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + lines + b"\r\n" + content)
        self.transport.close()

    def _expect_head(self) -> None:
        if self._head_due is None:
            self._head_bytes = 0
            self._head_due = self.loop.call_later(_HEAD_SECONDS, self._head_overdue)

    def _head_overdue(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def _head_arrived(self) -> None:
        if self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None


class Server(uvicorn.Server):
    """Serves until told to `leave`; signals are the caller's business."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        leaving: Callable[[], object] | None = None,
        announce: Callable[[], object] | None = None,
        notice_seconds: float = 0.0,
    ) -> None:
        """``leaving`` is called when it leaves: it ends what would go on for ever.

        ``announce`` is called when it is told to; it serves on for ``notice_seconds`` before it does.
        """
        self._leaving = leaving
        self._announce = announce
        self._notice_seconds = notice_seconds
        self._notice: asyncio.TimerHandle | None = None
        super().__init__(
            uvicorn.Config(
                app,
                http=_Protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="error",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=_IDLE_SECONDS,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave them alone: uvicorn would raise them again at the end, and exit with 143."""
        yield

    def leave(self) -> None:
        """After the notice finish what is in flight and stop; asked again, sooner, and then at once."""
        if self._announce is not None:
            self._announce()
        if self._notice_seconds > 0 and self._notice is None:
            self._notice = asyncio.get_running_loop().call_later(self._notice_seconds, self._finish)
            return
        if self._notice is not None:
            self._notice.cancel()
        self._finish()

    def _finish(self) -> None:
        if self._leaving is not None:
            self._leaving()
        self.force_exit = self.should_exit
        self.should_exit = True


def settle_memory() -> None:
    """What was built at start lives for ever: keep the collector off it, and let it come less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
