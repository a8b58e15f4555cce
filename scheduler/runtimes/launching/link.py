"""The scheduler's end of its launcher: starts it at the first need, and again should it have died."""

import asyncio
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from scheduler.runtimes.launching.plan import Plan, pack

_ROOT = Path(__file__).parents[3]
_RUN = (
    "import sys; sys.path.insert(0, sys.argv[1]);"
    " from scheduler.runtimes.launching.launcher import main; main()"
)
_COMMAND = (sys.executable, "-I", "-S", "-X", "utf8", "-c", _RUN, str(_ROOT))


class Link:
    """Hands attempts to a launcher."""

    def __init__(self) -> None:
        self._launcher: asyncio.subprocess.Process | None = None
        self._requests: socket.socket | None = None
        self._sending = asyncio.Lock()

    async def launch(self, plan: Plan, stdout: int, stderr: int) -> socket.socket:
        """Begin an attempt; its socket. The pipes' ends stay the caller's to close.

        Raises OSError if there is no launcher to be had.
        """
        ours, theirs = socket.socketpair()
        try:
            ours.setblocking(False)
            with theirs:
                await self._hand_over((theirs.fileno(), stdout, stderr))
            await asyncio.get_running_loop().sock_sendall(ours, pack(plan))
        except BaseException:
            ours.close()
            raise
        return ours

    async def close(self) -> None:
        """Returns when the launcher is gone, and so all that it had started."""
        if self._requests is not None:
            self._requests.close()
            self._requests = None
        if self._launcher is not None:
            await self._launcher.wait()
            self._launcher = None

    async def _hand_over(self, descriptors: Sequence[int]) -> None:
        async with self._sending:
            try:
                await self._send(await self._open(), descriptors)
            except ConnectionError:
                await self.close()
                await self._send(await self._open(), descriptors)

    async def _open(self) -> socket.socket:
        if self._requests is not None:
            return self._requests
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            # In a session of its own: a Ctrl-C at the terminal is for the scheduler alone.
            self._launcher = await asyncio.create_subprocess_exec(
                *_COMMAND,
                stdin=theirs.fileno(),
                stdout=asyncio.subprocess.DEVNULL,
                env={},
                start_new_session=True,
            )
        self._requests = ours
        return ours

    async def _send(self, requests: socket.socket, descriptors: Sequence[int]) -> None:
        while True:
            try:
                socket.send_fds(requests, [b"a"], list(descriptors))
                return
            except BlockingIOError:
                await _writable(requests)


async def _writable(requests: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_writer(requests, _wake, ready)
    try:
        await ready
    finally:
        loop.remove_writer(requests)


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
