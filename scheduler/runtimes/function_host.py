"""The process that holds the functions' modules, as the scheduler sees it: started, asked, handed orders."""

import asyncio
import os
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

_OUR_STDERR = 2
_LOADING_SECONDS = 60.0
_CLOSING_SECONDS = 2.0


class Registered(Struct, frozen=True, kw_only=True):
    """A function that can be ordered, as its author has registered it."""

    key: str
    version: int
    timeout_seconds: float
    max_attempts: int
    concurrency: int | None
    """Attempts at one time, everywhere; none is as many as come."""
    schema: dict[str, Any] | None
    """JSON Schema (2020-12) of its params."""
    description: str = ""
    """The first line of its docstring."""

    @property
    def name(self) -> str:
        return f"{self.key}@{self.version}"


class FunctionsRefused(Exception):
    """The modules cannot be served, and why; for the operator."""


class _Greeting(Struct, frozen=True):
    functions: tuple[Registered, ...] = ()
    refused: str | None = None


class FunctionHost:
    """A running host."""

    def __init__(self, process: Process, channel: socket.socket, catalogue: tuple[Registered, ...]) -> None:
        self.catalogue = catalogue
        self.names = frozenset(each.name for each in catalogue)
        self._process = process
        self._channel = channel
        self._deaf = False
        self._speaking = asyncio.Lock()

    @classmethod
    async def started(
        cls, modules: Sequence[str], path: Sequence[str] | None, told: Mapping[str, str]
    ) -> "FunctionHost":
        """FunctionsRefused if it cannot serve."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        process: Process | None = None
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-m", "noonmark.functions.host"),
                    *(str(theirs.fileno()), str(os.getpid()), ",".join(modules)),
                    stdin=DEVNULL,
                    stdout=_OUR_STDERR,
                    pass_fds=[theirs.fileno()],
                    env={**told, **_environment(path)},
                )
            async with asyncio.timeout(_LOADING_SECONDS):
                greeting = await _greeted(ours)
        except BaseException as error:
            ours.close()
            if process is not None:
                await _ended(process)
            if isinstance(error, TimeoutError):
                raise FunctionsRefused(f"modules were not imported within {_LOADING_SECONDS:g} s") from None
            raise
        return cls(process, ours, greeting.functions)

    @property
    def gone(self) -> bool:
        return self._deaf or self._process.returncode is not None

    async def hand_over(self, descriptors: Sequence[int]) -> None:
        """ConnectionError if it has died."""
        async with self._speaking:  # A loop has one writer for each socket.
            while True:
                try:
                    socket.send_fds(self._channel, [b"\n"], descriptors)
                except BlockingIOError:
                    await _writable(self._channel)
                except ConnectionError:
                    self._deaf = True
                    raise
                else:
                    return

    async def close(self) -> None:
        """Attempts that are on go on."""
        self._channel.close()
        await _ended(self._process)


async def _ended(process: Process) -> None:
    """It ends when it sees that the channel has; a module that is being imported sees nothing."""
    try:
        async with asyncio.timeout(_CLOSING_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _greeted(channel: socket.socket) -> _Greeting:
    line = b""
    loop = asyncio.get_running_loop()
    while not line.endswith(b"\n"):
        data = await loop.sock_recv(channel, 1 << 16)
        if not data:
            raise FunctionsRefused(
                "the host of functions ended before it was ready; its own words are on stderr"
            )
        line += data
    greeting = msgspec.json.decode(line, type=_Greeting)
    if greeting.refused is not None:
        raise FunctionsRefused(greeting.refused)
    return greeting


async def _writable(channel: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    free = asyncio.Event()
    loop.add_writer(channel, free.set)
    try:
        await free.wait()
    finally:
        loop.remove_writer(channel)


def _environment(path: Sequence[str] | None) -> dict[str, str]:
    """All that the host gets, besides what it is told. Modules and programs are found, and text is UTF-8."""
    places = [place or os.getcwd() for place in (sys.path if path is None else path)]
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": os.pathsep.join(places),
        "PYTHONUTF8": "1",
    }
