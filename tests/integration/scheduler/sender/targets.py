"""Targets to call on loopback, as well or as badly behaved as a test wants, and a short way to call them."""

import asyncio
import ssl
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from uuid import UUID

from core.egress.urls import Url, parse_url
from scheduler.sender.dialer import Guard
from scheduler.sender.reply import Failure, Reply, Response
from scheduler.sender.request import Request, header_lines
from scheduler.sender.resolver import Unresolved
from scheduler.sender.sender import Sender
from scheduler.verdict import FailureCode

LOOPBACK = "127.0.0.0/8,::1/128"
TENANT = UUID(int=1)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Handler = Callable[[StreamReader, StreamWriter], Awaitable[None]]


class FixedResolver:
    """Every name is 127.0.0.1, except `nowhere.example`."""

    async def resolve(self, name: str) -> Sequence[str] | Unresolved:
        return Unresolved("The target's name does not exist.") if name == "nowhere.example" else ["127.0.0.1"]


class Calls:
    """Sends requests and says what came of them."""

    def __init__(self, sender: Sender) -> None:
        self.sender = sender

    async def reply(
        self,
        target: str,
        *,
        method: str = "POST",
        headers: tuple[tuple[str, str], ...] = (),
        body: bytes = b"",
        tenant: UUID = TENANT,
        seconds: float = 10,
        guard: Guard | None = None,
        writing: Callable[[int], object] = lambda _: None,
    ) -> Reply:
        url = parse_url(target)
        assert isinstance(url, Url), url
        request = Request(tenant_id=tenant, method=method, url=url, headers=header_lines(headers), body=body)
        deadline = asyncio.get_running_loop().time() + seconds
        return await self.sender.send(
            request, deadline=deadline, guard=guard or (lambda: True), writing=writing
        )

    async def response(
        self, target: str, *, method: str = "POST", body: bytes = b"", tenant: UUID = TENANT
    ) -> Response:
        reply = await self.reply(target, method=method, body=body, tenant=tenant)
        assert isinstance(reply, Response), reply
        return reply

    async def failure(
        self, target: str, code: FailureCode, *, body: bytes = b"", seconds: float = 10
    ) -> Failure:
        reply = await self.reply(target, body=body, seconds=seconds)
        assert isinstance(reply, Failure), reply
        assert reply.code is code, reply
        return reply


class Target:
    """A listening target, with what it has seen."""

    def __init__(self, handler: Handler, scheme: str) -> None:
        self.connections = 0
        self.closed = 0
        self.port = 0
        self._handler = handler
        self._scheme = scheme
        self._tasks: set[asyncio.Task[None]] = set()

    def url(self, path: str = "/", *, host: str = "127.0.0.1") -> str:
        return f"{self._scheme}://{host}:{self.port}{path}"

    def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Take a connection; the callback of `asyncio.start_server`."""
        self.connections += 1
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._handler(reader, writer)
        finally:
            self.closed += 1
            writer.transport.abort()


@asynccontextmanager
async def target(
    handler: Handler, *, tls: ssl.SSLContext | None = None, limit: int = 2**16
) -> AsyncIterator[Target]:
    """A target on a free port of 127.0.0.1, for as long as the block runs."""
    made = Target(handler, "https" if tls else "http")
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=tls, limit=limit)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await made.stop()
        await server.wait_closed()


async def read_request(reader: StreamReader) -> bytes:
    """The bytes of one request. Raises IncompleteReadError when there is none any more."""
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b": ")
        if name == b"Content-Length":
            return head + await reader.readexactly(int(value))
    return head


def answering(*responses: bytes, seen: list[bytes] | None = None) -> Handler:
    """Answers each request with the next of these, the last one for ever, and keeps the connection open."""
    left = list(responses)

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        while True:
            request = await read_request(reader)
            if seen is not None:
                seen.append(request)
            writer.write(left.pop(0) if len(left) > 1 else left[0])
            await writer.drain()

    return handle


def closing(response: bytes) -> Handler:
    """Answers one request with these bytes and closes."""

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        await read_request(reader)
        writer.write(response)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    return handle


async def silent(reader: StreamReader, writer: StreamWriter) -> None:
    """Reads whatever comes and never answers."""
    while await reader.read(65536):
        pass
