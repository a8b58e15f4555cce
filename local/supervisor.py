"""Starts the servers, waits until they serve, starts again what crashes, and stops all of it.

Every child writes to `LOGS/NAME.log`, which is emptied when the child is first started; stdout belongs to
the story that a person reads. A child has a session of its own, so Ctrl-C reaches the supervisor alone and
the order of the end is ours: first those who call others, then those who are called. When the supervisor
itself is killed, the kernel kills the children (local.child): what they lose then is what any crash loses.

A child that fails before it ever served is not tried again: that is a mistake to be read, and its log's end
is shown.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from pathlib import Path

import httpx
import msgspec

from local import child, remains
from local.refusal import Refusal

_PROBE_SECONDS = 0.05
_LONGEST_DELAY = 10.0
_STEADY_SECONDS = 30.0


class Program(msgspec.Struct, frozen=True):
    """What to start."""

    name: str
    """Names its log and stands in what is said about it."""
    command: list[str]
    """The program's path and its arguments; no shell."""
    environment: Mapping[str, str] = {}
    """On top of the supervisor's own."""
    ready: str | None = None
    """The URL that answers 200 once it serves; None: it serves as soon as it runs."""
    is_called: bool = False
    """Whether the other children call it: then it goes after them."""


class Child:
    """A started program: one process after another, while it is wanted."""

    def __init__(self, program: Program, log: Path, process: asyncio.subprocess.Process) -> None:
        self.program = program
        self.log = log
        self.process = process
        self.tending: asyncio.Task[None] | None = None

    @property
    def tended(self) -> bool:
        """Whether it is started again when it ends."""
        return self.tending is not None and not self.tending.done()

    async def lines(self) -> AsyncGenerator[str, None]:
        """What it has written, then what it writes, also after a new start; ends when it is left stopped."""
        with self.log.open("rb") as file:
            rest = b""
            while True:
                ended = self.process.returncode is not None and not self.tended
                *whole, rest = (rest + file.read()).split(b"\n")
                for line in whole:
                    yield line.decode(errors="replace")
                if ended:
                    return
                await asyncio.sleep(_PROBE_SECONDS)


class Supervisor:
    """Holds the children. All calls come from the main thread's event loop (see local.child)."""

    def __init__(
        self,
        *,
        tree: Path,
        logs: Path,
        say: Callable[[str], None],
        ready_seconds: float = 30.0,
        stop_seconds: float = 8.0,
        restart_seconds: float = 0.5,
    ) -> None:
        self._tree = tree
        self._logs = logs
        self._say = say
        self._ready_seconds = ready_seconds
        self._stop_seconds = stop_seconds
        self._restart_seconds = restart_seconds
        self._children: list[Child] = []

    async def complete(self, program: Program) -> None:
        """Run to the end. Raises Refusal unless it ends with 0."""
        log = self._log(program)
        process = await self._spawn(program, log)
        try:
            status = await process.wait()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        if status != 0:
            raise Refusal(_failed(program, log, f"ended with {status}"))

    async def start(self, program: Program) -> Child:
        """Returns once it serves; from then on it is started again whenever it ends. Raises Refusal."""
        [started] = await self.start_all([program])
        return started

    async def start_all(self, programs: list[Program]) -> list[Child]:
        """As `start`, side by side: all are running before the first is waited for."""
        started = [await self._launch(program) for program in programs]
        for one in started:
            await self._served(one)
        for one in started:
            one.tending = asyncio.create_task(self._tend(one))
        return started

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL for who takes too long; returns when all are gone. May be called twice."""
        tending = [one.tending for one in self._children if one.tending is not None]
        for task in tending:
            task.cancel()
        await asyncio.gather(*tending, return_exceptions=True)
        for is_called in (False, True):
            await self._end([one for one in self._children if one.program.is_called is is_called])
        self._children.clear()

    def kill(self) -> None:
        """For the impatient: no more waiting. A `stop` must follow or be under way."""
        for one in self._children:
            _signal(one.process, signal.SIGKILL)

    async def _launch(self, program: Program) -> Child:
        log = self._log(program)
        launched = Child(program, log, await self._spawn(program, log))
        self._children.append(launched)
        return launched

    async def _served(self, started: Child) -> None:
        """Wait for its first 200."""
        program, process = started.program, started.process
        end = time.monotonic() + self._ready_seconds
        async with httpx.AsyncClient(trust_env=False, timeout=2.0) as client:
            while not await _serves(client, program.ready):
                if process.returncode is not None:
                    raise Refusal(_failed(program, started.log, f"ended with {process.returncode}"))
                if time.monotonic() > end:
                    raise Refusal(
                        _failed(program, started.log, f"does not serve after {self._ready_seconds:g} s")
                    )
                await asyncio.sleep(_PROBE_SECONDS)

    async def _tend(self, started: Child) -> None:
        """The delay doubles from one quick end to the next, and is short again after a steady while."""
        delay = self._restart_seconds
        while True:
            began = time.monotonic()
            status = await started.process.wait()
            if time.monotonic() - began > _STEADY_SECONDS:
                delay = self._restart_seconds
            self._say(f"{started.program.name} ended ({_status(status)}); starting it again in {delay:g} s")
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LONGEST_DELAY)
            started.process = await self._spawn(started.program, started.log)

    async def _end(self, children: list[Child]) -> None:
        for one in children:
            _signal(one.process, signal.SIGTERM)
        waiting = [asyncio.create_task(one.process.wait()) for one in children]
        if not waiting:
            return
        _, late = await asyncio.wait(waiting, timeout=self._stop_seconds)
        for one, wait in zip(children, waiting, strict=True):
            if wait in late:
                self._say(f"{one.program.name} does not stop; killed")
                _signal(one.process, signal.SIGKILL)
        await asyncio.gather(*waiting)

    async def _spawn(self, program: Program, log: Path) -> asyncio.subprocess.Process:
        line = child.command(program.command, on_parent_death=signal.SIGKILL)
        with log.open("ab") as file:
            return await asyncio.create_subprocess_exec(
                *line,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                cwd=self._tree,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **program.environment},
                start_new_session=True,
            )

    def _log(self, program: Program) -> Path:
        self._logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        log = self._logs / f"{program.name}.log"
        log.write_bytes(b"")
        return log


async def _serves(client: httpx.AsyncClient, url: str | None) -> bool:
    if url is None:
        return True
    try:
        return (await client.get(url)).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    if process.returncode is None:
        process.send_signal(number)


def _failed(program: Program, log: Path, what: str) -> str:
    return f"{program.name} {what}; {log} ends with:\n{remains.tail(log)}"


def _status(status: int) -> str:
    return f"exit {status}" if status >= 0 else signal.Signals(-status).name
