"""One attempt at a function, seen from the scheduler: its order goes out, its lines and its end come in."""

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from core.logs.model import Stream
from scheduler.runtimes.events import Events, Happening, HappeningKind
from scheduler.runtimes.folder import INPUTS
from scheduler.runtimes.runtime import Ending, Exit, Order, Output

MOST_HAPPENINGS = 1_000
"""Of one attempt; the rest is counted."""
_KEPT_FOR_HOOKS = 100
_LONGEST_LINE = 64 * 1024
_CHUNK = 64 * 1024
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_OUTPUT_VARIABLE = "NOONMARK_OUTPUT_DIR"
_ATTEMPTS_VARIABLE = "NOONMARK_MAX_ATTEMPTS"
_LAST_WORDS_SECONDS = 1.0


class _End(Struct, frozen=True):
    how: Ending
    code: int | None = None
    message: str = ""


class _Line(Struct, frozen=True):
    started: bool = False
    end: _End | None = None


class FunctionWork:
    """Its own reader of everything the attempt says; nothing of it waits for us."""

    def __init__(
        self,
        order: Order,
        output: Output,
        events: Events,
        *,
        control: socket.socket,
        stdout: int,
        stderr: int,
        events_pipe: int,
        ended: Callable[["FunctionWork"], None],
    ) -> None:
        self._order = order
        self._output = output
        self._told = _Told(order, events)
        self._control = control
        self._control.setblocking(False)
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._pipes = [
            _Pipe(stdout, lambda data: output.write(Stream.STDOUT, data)),
            _Pipe(stderr, lambda data: output.write(Stream.STDERR, data)),
            _Pipe(events_pipe, self._told.take),
        ]
        self._stopping = False
        self._ordered = asyncio.Event()
        self._following = self._loop.create_task(self._follow())

    @property
    def done(self) -> bool:
        return self._following.done()

    async def wait(self) -> Exit:
        return await asyncio.shield(self._following)

    async def stop(self, *, timed_out: bool = False) -> None:
        """`timed_out` tells the function's hooks that it failed, rather than that it was cancelled."""
        if not self._stopping and not self._following.done():
            self._stopping = True
            await self._ordered.wait()
            await self._say({"stop": "timed_out" if timed_out else "cancelled"})
        await asyncio.wait([self._following])

    def abandon(self) -> None:
        """Its keeper sees this as our death, and kills everything at once."""
        if not self._following.done():
            self._control.shutdown(socket.SHUT_WR)

    async def _follow(self) -> Exit:
        try:
            await self._say(_as_told(self._order))
            self._ordered.set()
            end = await self._heard()
            # Whoever held the other ends is dead, so that what is left to read is here already.
            await asyncio.wait([pipe.drained for pipe in self._pipes], timeout=_LAST_WORDS_SECONDS)
            return end
        finally:
            for pipe in self._pipes:
                pipe.close()
            self._told.close()
            self._control.close()
            self._ended(self)

    async def _say(self, words: dict[str, Any]) -> None:
        try:
            await self._loop.sock_sendall(self._control, msgspec.json.encode(words) + b"\n")
        except OSError:
            return  # It is over, and what is heard from it says how.

    async def _heard(self) -> Exit:
        unread = b""
        while True:
            try:
                data = await self._loop.sock_recv(self._control, _CHUNK)
            except ConnectionError:
                data = b""
            if not data:
                return Exit(how=Ending.NODE_LOST, message="the process that kept the function is gone")
            *lines, unread = (unread + data).split(b"\n")
            for line in lines:
                end = msgspec.json.decode(line, type=_Line).end
                if end is not None:
                    return Exit(how=end.how, code=end.code, message=end.message)


class _Pipe:
    """Reads whatever comes, at once."""

    def __init__(self, reading: int, take: Callable[[bytes], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._reading = reading
        self._take = take
        self._open = True
        self.drained: asyncio.Future[None] = self._loop.create_future()
        os.set_blocking(reading, False)
        self._loop.add_reader(reading, self._read)

    def close(self) -> None:
        if self._open:
            self._open = False
            self._loop.remove_reader(self._reading)
            os.close(self._reading)

    def _read(self) -> None:
        try:
            data = os.read(self._reading, _CHUNK)
        except BlockingIOError:
            return
        if data:
            self._take(data)
            return
        self.drained.set_result(None)
        self.close()


class _Told:
    """Lines of JSON into happenings; a line that is none is dropped, as is what comes after too many."""

    def __init__(self, order: Order, events: Events) -> None:
        self._order = order
        self._events = events
        self._unread = b""
        self._taken = 0
        self._dropped = 0

    def take(self, data: bytes) -> None:
        *lines, self._unread = (self._unread + data).split(b"\n")
        if len(self._unread) > _LONGEST_LINE:
            self._unread = b""
            self._dropped += 1
        for line in lines:
            self._pass_on(line)

    def close(self) -> None:
        if self._dropped:
            happening = Happening(kind=HappeningKind.DROPPED, name="dropped", data={"count": self._dropped})
            self._events.happened(self._order, happening)

    def _pass_on(self, line: bytes) -> None:
        try:
            happening = msgspec.json.decode(line, type=Happening)
        except (msgspec.DecodeError, RecursionError):
            self._dropped += 1
            return
        is_hook = happening.kind is HappeningKind.HOOK
        if self._taken >= MOST_HAPPENINGS + is_hook * _KEPT_FOR_HOOKS:
            self._dropped += 1
            return
        self._taken += 1
        self._events.happened(self._order, happening)


def _as_told(order: Order) -> dict[str, Any]:
    """As noonmark/functions/code.py reads it."""
    folder = str(order.folder.absolute())
    output = os.path.join(folder, "out")
    # Home and temporary files inside: what is left behind goes with the folder.
    environment = {"PATH": _PATH, "HOME": folder, "TMPDIR": folder, _OUTPUT_VARIABLE: output}
    return {
        "function": order.command[0],
        "job_id": str(order.job_id),
        "attempt": order.attempt,
        "max_attempts": _most_attempts(order),
        "params": order.params.decode(),
        "environment": environment | order.environment,
        "output_dir": output,
        "inputs": {name: os.path.join(folder, INPUTS, name) for name in order.inputs},
        "working_directory": order.working_directory or folder,
        "memory_mb": order.limits.memory_mb,
        "grace_seconds": order.grace_seconds,
    }


def _most_attempts(order: Order) -> int | None:
    """From the job's variables; none leaves it to what the function was registered with."""
    value = order.environment.get(_ATTEMPTS_VARIABLE, "")
    return int(value) if value.isdecimal() else None
