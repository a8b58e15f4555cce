"""The small listener of processes without an API: /healthz, /readyz and /metrics.

Healthy means that the process runs. Ready means that every check passes; a failing one is named.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
import uvicorn

from core import metrics
from core.listening import listen
from core.settings import variable

Check = Callable[[], Awaitable[bool]]
_CHECK_SECONDS = 3.0


async def failing(checks: Mapping[str, Check]) -> list[str]:
    """The names of the checks that do not pass; one that raises or hangs does not."""
    return [name for name, check in checks.items() if not await _passes(check)]


async def _passes(check: Check) -> bool:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            return await check()
    except Exception:
        return False


class Probes:
    """An ASGI application over the given checks, and the server for it."""

    def __init__(self, checks: Mapping[str, Check], *, host: str, port: int) -> None:
        """Takes the port; 0 serves nothing. Raises SettingError if it is taken."""
        self._checks = checks
        self._listener = listen(host, port, setting=variable("metrics_port")) if port else None
        self._config = uvicorn.Config(
            self, log_config=None, access_log=False, lifespan="off", server_header=False
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set."""
        if self._listener is None:
            await stop.wait()
            return
        server = _Server(self._config)
        serving = asyncio.ensure_future(server.serve(sockets=[self._listener]))
        await stop.wait()
        server.should_exit = True
        await serving

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        accept = dict(scope["headers"]).get(b"accept", b"").decode("latin-1")
        status, kind, body = await self._answer(scope["method"], scope["path"], accept)
        headers = [(b"content-type", kind.encode()), (b"x-content-type-options", b"nosniff")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, method: str, path: str, accept: str) -> tuple[int, str, bytes]:
        if method not in ("GET", "HEAD"):
            return 405, "text/plain", b""
        if path == "/healthz":
            return 200, "application/json", b'{"status":"ok"}'
        if path == "/metrics":
            body, kind = metrics.render(accept)
            return 200, kind, body
        if path != "/readyz":
            return 404, "text/plain", b""
        names = await failing(self._checks)
        status = {"status": "unavailable" if names else "ok", "failing": names}
        return (503 if names else 200), "application/json", msgspec.json.encode(status)


class _Server(uvicorn.Server):
    """uvicorn without its signal handling: the process decides when to stop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
