"""A TCP proxy between one process and PostgreSQL that can stop at an exact statement, or go silent.

It reads the client's messages, so a point means a statement and not a block of bytes:

    client ── Bind, Execute ──┬── Sync ──┬─► server
                              │          │           answer ──┬─► client
                        BEFORE      AT_COMMIT              AFTER

Statements are known by a piece of their text, also when they are prepared once and bound many times.
A silent link forwards nothing in either direction and closes nothing; what was written meanwhile arrives when
it is healed, as TCP would have it.
"""

import asyncio
import struct
from contextlib import suppress
from enum import Enum, auto
from typing import Self
from urllib.parse import urlsplit

_UNTYPED = {80877103, 80877104}
"""SSLRequest and GSSENCRequest: the startup message follows."""
_READY = b"Z\x00\x00\x00\x05I"
_BLOCK = 65536


class Where(Enum):
    """Where on its way a statement is stopped."""

    BEFORE = auto()
    """The server has not seen it."""
    AT_COMMIT = auto()
    """The server did the work, holds the locks, and was not told to commit."""
    AFTER = auto()
    """The server has committed; the client does not know."""


class Point:
    """The n-th statement with a marker; `reached` when it is stopped there, until it is let go or cut."""

    def __init__(self, marker: str, where: Where, nth: int) -> None:
        self.where = where
        self.reached = asyncio.Event()
        self._marker = marker
        self._left = nth
        self._over = asyncio.Event()
        self.is_cut = False

    async def stopped(self, within: float = 10.0) -> None:
        """Returns when the statement stands here."""
        async with asyncio.timeout(within):
            await self.reached.wait()

    def release(self) -> None:
        self._over.set()

    def cut(self) -> None:
        """End the link here instead: what is before the point has happened, what is behind it has not."""
        self.is_cut = True
        self._over.set()

    def meets(self, sql: str) -> bool:
        if self._marker not in sql or self._left == 0:
            return False
        self._left -= 1
        return self._left == 0

    async def hold(self) -> None:
        self.reached.set()
        await self._over.wait()
        if self.is_cut:
            raise ConnectionAbortedError


class Proxy:
    """Stands before one server; lives in the test's own loop."""

    def __init__(self, dsn: str) -> None:
        self._parts = urlsplit(dsn)
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._points: list[Point] = []
        self._links: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_raised: object) -> None:
        self._server.close()
        self.cut()
        if self._links:
            await asyncio.wait(self._links)
        await self._server.wait_closed()

    @property
    def dsn(self) -> str:
        """The server's, by way of this proxy."""
        port = self._server.sockets[0].getsockname()[1]
        credentials = self._parts.netloc.rpartition("@")[0]
        return self._parts._replace(netloc=f"{credentials}@127.0.0.1:{port}").geturl()

    @property
    def links(self) -> int:
        return len(self._links)

    def point(self, marker: str, where: Where, *, nth: int = 1) -> Point:
        made = Point(marker, where, nth)
        self._points.append(made)
        return made

    def silence(self) -> None:
        self._flowing.clear()

    def heal(self) -> None:
        self._flowing.set()

    def cut(self) -> None:
        """Abort every link there is; new ones are taken."""
        for link in self._links:
            link.cancel()

    async def flowing(self) -> None:
        await self._flowing.wait()

    def met(self, sql: str) -> Point | None:
        return next((point for point in self._points if point.meets(sql)), None)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        try:
            await self.flowing()
            server = await asyncio.open_connection(self._parts.hostname, self._parts.port)
            await _Link(self, (reader, writer), server).run()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._links.discard(task)
            writer.transport.abort()


class _Link:
    """One connection: two pumps; the end of either is the end of both."""

    def __init__(
        self,
        proxy: Proxy,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._proxy = proxy
        self._from_client, self._to_client = client
        self._from_server, self._to_server = server
        self._names: dict[bytes, str] = {}
        self._at_commit: Point | None = None
        self._after: Point | None = None

    async def run(self) -> None:
        pumps = [asyncio.ensure_future(pump) for pump in (self._up(), self._down())]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self._to_server.transport.abort()
            with suppress(OSError):
                await self._to_server.wait_closed()

    async def _up(self) -> None:
        await self._startup()
        while True:
            head = await self._from_client.readexactly(5)
            rest = await self._from_client.readexactly(struct.unpack("!I", head[1:])[0] - 4)
            await self._stop_at(head[:1], rest)
            await self._send(self._to_server, head + rest)

    async def _startup(self) -> None:
        kind = None
        while kind is None or kind in _UNTYPED:
            head = await self._from_client.readexactly(8)
            length, kind = struct.unpack("!II", head)
            await self._send(self._to_server, head + await self._from_client.readexactly(length - 8))

    async def _stop_at(self, kind: bytes, rest: bytes) -> None:
        """Hold the message if a point lies before it."""
        if kind == b"S" and self._at_commit is not None:
            point, self._at_commit = self._at_commit, None
            await point.hold()
        sql = self._statement(kind, rest)
        point_here = self._proxy.met(sql) if sql else None
        if point_here is None:
            return
        if point_here.where is Where.BEFORE:
            await point_here.hold()
        elif point_here.where is Where.AT_COMMIT:
            self._at_commit = point_here
        else:
            self._after = point_here

    def _statement(self, kind: bytes, rest: bytes) -> str | None:
        """The text that a message sets going."""
        if kind == b"P":
            name, sql = rest.split(b"\0")[:2]
            self._names[name] = sql.decode()
        elif kind == b"B":
            return self._names.get(rest.split(b"\0")[1])
        elif kind == b"Q":
            return rest[:-1].decode()
        return None

    async def _down(self) -> None:
        while data := await self._from_server.read(_BLOCK):
            if self._after is not None:
                data = await self._whole_answer(data)
                point, self._after = self._after, None
                await point.hold()
            await self._send(self._to_client, data)

    async def _whole_answer(self, data: bytes) -> bytes:
        """Everything up to the server's word that the transaction is over."""
        while not data.endswith(_READY):
            more = await self._from_server.read(_BLOCK)
            if not more:
                raise ConnectionAbortedError
            data += more
        return data

    async def _send(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        await self._proxy.flowing()
        writer.write(data)
        await writer.drain()
