"""`python -m benchmarks.bare_api`: the least that a server must do to take a job, on the same server.

One token look-up, one INSERT through asyncpg, an answer: no validation, no rate, no events, no idempotency.
"""

import asyncio
import hashlib
import os
import signal
import sys
from typing import Any

import asyncpg
import uvloop

from app.edge import Receive, Scope, Send
from app.server import Server, settle_memory
from core import ids
from core.listening import listen

TABLE = """
CREATE TABLE bare_jobs (
  id uuid PRIMARY KEY, tenant_id uuid NOT NULL, content bytea NOT NULL,
  fire_at timestamptz NOT NULL DEFAULT now(), created_at timestamptz NOT NULL DEFAULT now())
"""
_WHO = "SELECT tenant_id FROM api_tokens WHERE token_hash = $1"
_ADD = "INSERT INTO bare_jobs (id, tenant_id, content) VALUES ($1, $2, $3)"
_CONNECTIONS = 8
_HEADERS = [(b"content-type", b"application/json")]


class Application:
    """An ASGI application of one route."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        token = headers[b"authorization"].removeprefix(b"Bearer ")
        content = await _body(receive)
        async with self._pool.acquire() as db:
            tenant = await db.fetchval(_WHO, hashlib.sha256(token).digest())
            job = ids.new()
            await db.execute(_ADD, job, tenant, content)
        answer = b'{"id":"%b"}' % str(job).encode()
        length = (b"content-length", b"%d" % len(answer))
        await send({"type": "http.response.start", "status": 201, "headers": [*_HEADERS, length]})
        await send({"type": "http.response.body", "body": answer})


async def _body(receive: Receive) -> bytes:
    content: bytes = b""
    while True:
        message = await receive()
        content += bytes(message.get("body", b""))
        if not message.get("more_body", False):
            return content


async def serve(dsn: str) -> None:
    async with asyncpg.create_pool(dsn, min_size=_CONNECTIONS, max_size=_CONNECTIONS) as pool:
        with listen("127.0.0.1", 0, setting="PORT") as listener:
            server = Server(Application(pool))
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.leave)
            sys.stdout.write(f"ready http://127.0.0.1:{listener.getsockname()[1]}\n")
            sys.stdout.flush()
            settle_memory()
            await server.serve(sockets=[listener])


if __name__ == "__main__":
    uvloop.run(serve(os.environ["DATABASE_URL"]))
