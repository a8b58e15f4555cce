"""A way to the database that can be cut and mended, for everybody who was given its DSN."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


class Proxy:
    """Copies bytes both ways while it is open."""

    def __init__(self, dsn: str) -> None:
        self._url = urlsplit(dsn)
        self._open = True
        self._writers: set[StreamWriter] = set()
        self.port = 0

    @property
    def dsn(self) -> str:
        where = f"{self._url.username}:{self._url.password}@127.0.0.1:{self.port}"
        return self._url._replace(netloc=where).geturl()

    def cut(self) -> None:
        """Drop every connection, and each new one at once."""
        self._open = False
        for writer in tuple(self._writers):
            writer.transport.abort()

    def mend(self) -> None:
        self._open = True

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        if not self._open:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection(self._url.hostname, self._url.port)
        self._writers |= {writer, far_writer}
        with suppress(ConnectionError):
            await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))
        self._writers -= {writer, far_writer}
        writer.transport.abort()
        far_writer.transport.abort()


async def copy(reader: StreamReader, writer: StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.transport.abort()


@asynccontextmanager
async def proxied(dsn: str) -> AsyncIterator[Proxy]:
    """A proxy in front of this server."""
    proxy = Proxy(dsn)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
        await server.wait_closed()
