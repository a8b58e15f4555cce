"""The seam between the scheduler and the network: one request in, one reply out, by a deadline.

Every request gets exactly one reply and is written at most once; nothing is resent, redirected, decoded or
remembered between calls but the open connection. The deadline is total: name, dial, handshake, write and
response. The guard is asked right before a dial and right before the write, so that what it forbids does not
start.
"""

import asyncio
import ssl
from asyncio import AbstractEventLoop
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from core.egress.guard import Egress
from scheduler.sender.connection import Connection
from scheduler.sender.dialer import Connector, Dialer, Guard, client_tls, connect
from scheduler.sender.pool import Key, Pool
from scheduler.sender.reply import Failure, NotStarted, Reply
from scheduler.sender.request import Request, render
from scheduler.sender.resolver import CaresResolver, Resolver
from scheduler.verdict import FailureCode


def _always() -> bool:
    return True


def _ignore(_size: int) -> None:
    return None


class Sender:
    """Sends requests over kept connections. Made inside a running loop and used by it alone."""

    def __init__(
        self,
        *,
        egress: Egress,
        resolver: Resolver,
        connector: Connector = connect,
        tls: ssl.SSLContext | None = None,
        max_idle: int = 1024,
        max_idle_per_key: int = 256,
    ) -> None:
        self._loop: AbstractEventLoop = asyncio.get_running_loop()
        self._open: set[Connection] = set()
        self._pool = Pool(self._loop, max_idle=max_idle, max_idle_per_key=max_idle_per_key)
        self._dialer = Dialer(
            self._loop,
            egress=egress,
            resolver=resolver,
            connector=connector,
            tls=tls or client_tls(),
            open_connections=self._open,
        )

    @property
    def open_connections(self) -> int:
        """Connections that are busy or kept."""
        return len(self._open)

    @property
    def idle_connections(self) -> int:
        """Connections that are kept for a next request."""
        return len(self._pool)

    async def send(
        self,
        request: Request,
        *,
        deadline: float,
        guard: Guard = _always,
        writing: Callable[[int], object] = _ignore,
    ) -> Reply:
        """What came of the request by `deadline`, an instant of the loop's clock.

        Cancelling the task that waits here aborts the call at once; `writing` was told the request's size if
        any of it may have left by then. Raises ValueError for a request that its headers would break.
        """
        wire = render(request)
        if self._loop.time() >= deadline:
            return Failure(FailureCode.TIMEOUT, "The deadline passed before the call began.")
        url = request.url
        key: Key = (request.tenant_id, url.scheme, url.host, url.port)
        connection = self._pool.take(key)
        if connection is None:
            dialled = await self._dialer.dial(url, deadline=deadline, guard=guard)
            if not isinstance(dialled, Connection):
                return dialled
            connection = dialled
        try:
            if not guard():
                return NotStarted()
            writing(len(wire))
            return await connection.exchange(wire, deadline=deadline, head_only=request.method == "HEAD")
        finally:
            self._pool.release(key, connection)

    async def close(self) -> None:
        """Abort every connection, also of calls under way, and wait until they are gone."""
        self._pool.close()
        closing = [connection.closed for connection in self._open]
        for connection in tuple(self._open):
            connection.abort()
        if closing:
            await asyncio.wait(closing)


@asynccontextmanager
async def open_sender(egress: Egress, *, concurrency: int = 512) -> AsyncIterator[Sender]:
    """The sender of production, with its resolver, for as long as the block runs.

    `concurrency` is how many calls will be under way at once; as many connections may be kept, all to one
    host if need be.
    """
    resolver = CaresResolver()
    sender = Sender(egress=egress, resolver=resolver, max_idle=concurrency, max_idle_per_key=concurrency)
    try:
        yield sender
    finally:
        await sender.close()
        await resolver.close()
