"""A container that runs: what it prints, its end, and nothing left of it.

One task follows it from its start to its removal, whoever waits or stops waiting. The engine may go away and
come back in between: a container that lived through it is followed on, one that did not is lost. That the
connection for output ends says nothing about the container; only the engine's answer does.
"""

import asyncio
import contextlib
import re
from collections.abc import Mapping
from typing import Any

from aiodocker import DockerError
from aiodocker.containers import DockerContainer
from aiodocker.stream import Message, Stream

from core import log
from core.logs.model import Stream as OutputStream
from scheduler.runtimes.docker.engine import GONE, EngineAway, remove, talking
from scheduler.runtimes.runtime import Ending, Exit, Output

_log = log.get(__name__)

_STDERR = 2
_DRAIN_SECONDS = 5.0
"""For the last of the output, once its container has ended."""
_INSIST_SECONDS = 2.0
_RETRY_SECONDS = 0.5

# The engine tells a signal n as 128 + n, as it does a program that exits with that.
_SIGNALS = range(129, 160)

# What the engine's init prints, alone, when there is nothing to execute.
_NO_PROGRAM = re.compile(rb"\[FATAL tini \(\d+\)\] exec .* failed: [^\n]*\n", re.DOTALL)
_NO_PROGRAM_CODES = frozenset({126, 127})
_HEAD_BYTES = 4096

_LOST = Exit(how=Ending.NODE_LOST, message="The engine went away, or the container was removed.")


class DockerWork:
    """An attempt whose container has been made; `begin` starts it."""

    def __init__(
        self, container: DockerContainer, output: Output, *, grace_seconds: float, away_seconds: float
    ) -> None:
        self._container = container
        self._output = output
        self._grace_seconds = grace_seconds
        self._away_seconds = away_seconds
        self._end: asyncio.Task[Exit] | None = None
        self._stopped = False
        self._away = False
        self._head = b""

    async def begin(self) -> Exit | None:
        """Start it; why not, if it cannot be started. Listens first: nothing of the output is missed."""
        stream = self._listen()
        try:
            with talking():
                await stream.__aenter__()
                await self._container.start()
        except DockerError as error:
            await _close(stream)
            await remove(self._container)
            return _not_started(error)
        except BaseException:
            await _close(stream)
            raise
        self._end = asyncio.create_task(self._follow(stream))
        return None

    async def wait(self) -> Exit:
        return await asyncio.shield(self._begun)

    async def stop(self, *, timed_out: bool = False) -> None:
        end = self._begun
        if not end.done():
            await self._signal("SIGTERM")
            await asyncio.wait({end}, timeout=self._grace_seconds)
        while not end.done():
            await self._signal("SIGKILL")
            await asyncio.wait({end}, timeout=_INSIST_SECONDS)

    @property
    def _begun(self) -> asyncio.Task[Exit]:
        if self._end is None:
            raise RuntimeError("the container has not been started")
        return self._end

    def _listen(self) -> Stream:
        return self._container.attach(stdout=True, stderr=True)

    async def _follow(self, stream: Stream) -> Exit:
        ended = await self._until_ended(stream)
        if not await remove(self._container) and ended.how is Ending.SIGNALLED:
            # Whoever removes it, or shuts the engine down, has also ended it.
            return _LOST
        return ended

    async def _until_ended(self, stream: Stream) -> Exit:
        while True:
            reading = asyncio.create_task(self._read(stream))
            try:
                await self._until_told()
                state = await self._state()
                if state is None or not state["Running"]:
                    await asyncio.wait({reading}, timeout=_DRAIN_SECONDS)
                    return self._conclude(state)
            finally:
                reading.cancel()
                await asyncio.wait({reading})
            # It outlived the engine that started it.
            self._away = False
            stream = self._listen()

    async def _until_told(self) -> None:
        """Until the engine says that it has ended, or says nothing any more."""
        try:
            with talking():
                await self._container.wait()
        except EngineAway:
            self._away = True
        except DockerError as error:
            _log.warning("container_not_awaited", container=self._container.id, error=error.message)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _state(self) -> Mapping[str, Any] | None:
        """What the engine knows of it, given time to come back; none if it knows nothing any more."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._away_seconds
        while True:
            try:
                with talking():
                    state: Mapping[str, Any] = (await self._container.show())["State"]
                    return state
            except DockerError as error:
                if error.status in GONE:
                    return None
                _log.warning("container_unreadable", container=self._container.id, error=error.message)
            except EngineAway:
                self._away = True
            if loop.time() > until:
                return None
            await asyncio.sleep(_RETRY_SECONDS)

    async def _read(self, stream: Stream) -> None:
        """All it prints, until it or the engine ends."""
        try:
            with contextlib.suppress(EngineAway, DockerError), talking():
                while (message := await stream.read_out()) is not None:
                    self._take(message)
        finally:
            await _close(stream)

    def _take(self, message: Message) -> None:
        source = OutputStream.STDERR if message.stream == _STDERR else OutputStream.STDOUT
        self._head += message.data[: _HEAD_BYTES - len(self._head)]
        self._output.write(source, message.data)

    async def _signal(self, name: str) -> None:
        try:
            with talking():
                await self._container.kill(signal=name)
        except DockerError as error:
            if error.status not in GONE:
                _log.warning("signal_failed", container=self._container.id, error=error.message)
        except EngineAway as error:
            _log.warning("signal_failed", container=self._container.id, error=str(error))
        else:
            self._stopped = True

    def _conclude(self, state: Mapping[str, Any] | None) -> Exit:
        if state is None:
            return _LOST
        code = int(state["ExitCode"])
        if self._away and code != 0:
            return Exit(
                how=Ending.NODE_LOST, message="The container did not survive a restart of its engine."
            )
        if self._stopped:
            return Exit(how=Ending.STOPPED, code=code)
        if state["OOMKilled"] and code != 0:
            return Exit(how=Ending.OUT_OF_MEMORY, code=code)
        if code in _NO_PROGRAM_CODES and _NO_PROGRAM.fullmatch(self._head):
            return Exit(
                how=Ending.NOT_STARTED, message="The image has no such program, or may not execute it."
            )
        return Exit(how=Ending.SIGNALLED if code in _SIGNALS else Ending.EXITED, code=code)


def _not_started(error: DockerError) -> Exit:
    _log.warning("container_not_started", error=error.message)
    return Exit(
        how=Ending.NOT_STARTED,
        message="The container could not be started with this command, working directory and these limits.",
    )


async def _close(stream: Stream) -> None:
    # The client asserts that it still has the connection that the engine may have closed.
    with contextlib.suppress(AssertionError, EngineAway, DockerError), talking():
        await stream.close()
