"""The seam between the scheduler and the network: one request in, one reply out, by a deadline.

Every request gets exactly one reply and is written at most once; nothing is resent, redirected, decoded or
remembered between calls but the open connection. The deadline is total: name, dial, handshake, write and
response. The guard is asked right before a dial and right before the write, so that what it forbids does not
start.
"""

import asyncio
import ssl
from asyncio import AbstractEventLoop, Future, Task
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from core.egress.guard import Egress
from core.egress.urls import Url
from scheduler.sender.call import Call, Told
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


def _tell(told: Future[Reply], reply: Reply | BaseException) -> None:
    if told.done():
        return
    if isinstance(reply, BaseException):
        told.set_exception(reply)
    else:
        told.set_result(reply)


def _dialled(call: Call, dial: Task[None]) -> None:
    """A dial that was broken off, maybe before its first step, or that broke tells nobody by itself."""
    if dial.cancelled():
        call.done(NotStarted())
    elif (error := dial.exception()) is not None:
        call.done(error)


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

    def start(
        self,
        request: Request,
        *,
        deadline: float,
        done: Told,
        guard: Guard = _always,
        writing: Callable[[int], object] = _ignore,
    ) -> Call:
        """Begin a call; `done` is told once what came of it, by `deadline`, an instant of the loop's clock.

        That may be before this returns. `writing` is told the request's size right before any of it may
        leave. Raises ValueError for a request that its headers would break; then `done` is told nothing.
        """
        url = request.url
        key: Key = (request.tenant_id, url.scheme, url.host, url.port)
        call = Call(
            self._pool, key, render(request), head_only=request.method == "HEAD",
            deadline=deadline, guard=guard, writing=writing, done=done,
        )  # fmt: skip
        if self._loop.time() >= deadline:
            done(Failure(FailureCode.TIMEOUT, "The deadline passed before the call began."))
        elif (connection := self._pool.take(key)) is not None:
            call.go(connection)
        else:
            call.dial = self._loop.create_task(self._dial(call, url))
            call.dial.add_done_callback(partial(_dialled, call))
        return call

    async def send(
        self,
        request: Request,
        *,
        deadline: float,
        guard: Guard = _always,
        writing: Callable[[int], object] = _ignore,
    ) -> Reply:
        """What came of the request, as `start` says. Cancelling the task that waits here aborts the call."""
        told: Future[Reply] = self._loop.create_future()
        call = self.start(request, deadline=deadline, done=partial(_tell, told), guard=guard, writing=writing)
        try:
            return await told
        except asyncio.CancelledError:
            call.abort()
            raise

    async def _dial(self, call: Call, url: Url) -> None:
        dialled = await self._dialer.dial(url, deadline=call.deadline, guard=call.guard)
        if isinstance(dialled, Connection):
            call.go(dialled)
        else:
            call.done(dialled)

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
