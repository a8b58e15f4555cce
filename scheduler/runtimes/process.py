"""The process runtime: a program on this host, as a child of nobody but its supervisor.

It is *not* a sandbox: a program can read what its user can read, and reach the network. What is promised is
that it gets nothing of ours (no environment, no descriptor, no terminal), that it cannot outlive its attempt
nor its scheduler, whatever it forks and however it hides, and that it does not take what was not granted.

How is told in `launching`; what even that cannot catch is found by `remains`.
"""

import asyncio
import os
import socket
import weakref
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from core.logs.model import Stream
from scheduler.runtimes import environment, exits, remains
from scheduler.runtimes.capture import Pump, Throttle
from scheduler.runtimes.launching.link import Link
from scheduler.runtimes.launching.plan import STOP, Ended, Plan, Refused, Said, parse
from scheduler.runtimes.runtime import Ending, Exit, Order, Output, Work

_MIB = 1024 * 1024
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_DRAIN_SECONDS = 2.0


class ProcessRuntime:
    """Carries out orders as processes. `root` is where the folders of attempts are."""

    def __init__(
        self,
        root: Path,
        *,
        user: tuple[int, int] | None = None,
        file_mb: int = 1024,
        output_bytes_per_second: float = 256 * _MIB,
    ) -> None:
        """`user` is the uid and gid to run as, for which we must be root; none is ourselves."""
        self._root = root
        self._user = user
        self._file_bytes = file_mb * _MIB
        self._output_rate = output_bytes_per_second
        self._throttle: Throttle | None = None
        self._link = Link()
        self._running: weakref.WeakSet[_Process] = weakref.WeakSet()

    async def start(self, order: Order, output: Output) -> Work | Exit:
        plan = self._plan(order)
        fault = _impossible(plan)
        if fault:
            return Exit(how=Ending.NOT_STARTED, message=fault)
        pumps, ends = self._pipes(output)
        try:
            control = await self._link.launch(plan, *ends)
        except BaseException:
            _close(pumps)
            raise
        finally:
            for end in ends:
                os.close(end)
        begun = await _begin(control, pumps, order)
        if isinstance(begun, _Process):
            self._running.add(begun)
        return begun

    async def sweep(self, held: Collection[UUID]) -> int:
        return await asyncio.to_thread(remains.sweep, self._root, frozenset(held))

    async def close(self) -> None:
        """Kills what still runs, against the contract: no program outlives its runtime."""
        for process in self._running:
            process.abandon()
        await self._link.close()

    def _plan(self, order: Order) -> Plan:
        folder = str(order.folder.absolute())
        memory = order.limits.memory_mb
        given = environment.variables(order, os.path.join(folder, "out"))
        return Plan(
            command=list(order.command),
            environment={"PATH": _PATH, "HOME": folder, "TMPDIR": folder} | given,
            folder=folder,
            working_directory=order.working_directory or folder,
            user=self._user,
            grace_seconds=order.grace_seconds,
            memory_bytes=None if memory is None else memory * _MIB,
            pids=order.limits.pids,
            file_bytes=self._file_bytes,
        )

    def _pipes(self, output: Output) -> tuple[list[Pump], tuple[int, int]]:
        """What reads them, and the ends to write to."""
        if self._throttle is None:
            self._throttle = Throttle(self._output_rate, asyncio.get_running_loop().time)
        out, to_out = os.pipe()
        try:
            errors, to_errors = os.pipe()
        except OSError:
            os.close(out)
            os.close(to_out)
            raise
        pumps = [
            Pump(out, Stream.STDOUT, output, self._throttle),
            Pump(errors, Stream.STDERR, output, self._throttle),
        ]
        return pumps, (to_out, to_errors)


class _Process:
    """A program that runs, seen through its supervisor's socket."""

    def __init__(self, control: socket.socket, said: bytes, pumps: list[Pump], order: Order) -> None:
        self._control = control
        self._said = said
        self._pumps = pumps
        self._order = order
        self._end = asyncio.get_running_loop().create_task(self._see())

    async def wait(self) -> Exit:
        return await asyncio.shield(self._end)

    async def stop(self, *, timed_out: bool = False) -> None:
        if self._end.done():
            return
        # It may just have gone.
        with suppress(OSError):
            self._control.send(STOP)
        await asyncio.shield(self._end)

    def abandon(self) -> None:
        """To the supervisor it looks as if its scheduler had died."""
        # It may just have gone.
        with suppress(OSError):
            self._control.shutdown(socket.SHUT_WR)

    async def _see(self) -> Exit:
        while more := await _hear(self._control):
            self._said += more
        self._control.close()
        ended = _last(self._said)
        if ended is None:
            await asyncio.to_thread(remains.end, str(self._order.folder.name))
        for pump in self._pumps:
            await pump.finish(within=_DRAIN_SECONDS)
        return exits.ended(ended, self._order)


async def _begin(control: socket.socket, pumps: list[Pump], order: Order) -> _Process | Exit:
    try:
        said = await _first(control)
    except BaseException:
        # The supervisor hears of it, and ends what it may have begun.
        control.close()
        _close(pumps)
        raise
    line, _, rest = said.partition(b"\n")
    refused = parse(line) if line else None
    if not isinstance(refused, Refused):
        # Also when nothing was said: a program can be quicker, and kill its supervisor before that speaks.
        return _Process(control, rest, pumps, order)
    control.close()
    _close(pumps)
    return exits.refused(refused, order)


async def _first(control: socket.socket) -> bytes:
    """What is said up to a first line; nothing if it came to its end before."""
    said = b""
    while b"\n" not in said:
        more = await _hear(control)
        if not more:
            return b""
        said += more
    return said


async def _hear(control: socket.socket) -> bytes:
    try:
        return await asyncio.get_running_loop().sock_recv(control, 4096)
    except ConnectionError:
        return b""


def _last(said: bytes) -> Ended | None:
    """None if the supervisor was killed before it could say a word."""
    if not said.endswith(b"\n"):
        return None
    answer: Said = parse(said)
    return answer if isinstance(answer, Ended) else None


def _close(pumps: list[Pump]) -> None:
    for pump in pumps:
        pump.close()


def _impossible(plan: Plan) -> str:
    """What no system call could express."""
    if not plan.command or not plan.command[0]:
        return "There is no command."
    words = [*plan.command, *plan.environment.values(), plan.working_directory]
    if not all(map(_expressible, words)):
        return "The command or the environment holds a character that no program can be given."
    if not all(name and "=" not in name and _expressible(name) for name in plan.environment):
        return "The environment has a name that no variable can have."
    return ""


def _expressible(word: str) -> bool:
    try:
        return b"\0" not in os.fsencode(word)
    except UnicodeEncodeError:
        return False
