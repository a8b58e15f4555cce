"""`python -m benchmarks.receiver`: serve on a free port of the loopback until SIGTERM; stdout has it."""

import asyncio
import gc
import signal
import sys

import uvloop

from benchmarks.receiver.protocol import Book, Protocol


async def serve() -> None:
    loop, stop, book = asyncio.get_running_loop(), asyncio.Event(), Book()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    server = await loop.create_server(lambda: Protocol(book), "127.0.0.1", 0, backlog=4096)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    # Entries hold nothing that could form a cycle; a collection would only be seen as lateness.
    gc.disable()
    await stop.wait()
    server.close()


if __name__ == "__main__":
    uvloop.run(serve())
