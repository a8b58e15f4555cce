"""Stand-ins: a loop whose clock the test moves, transports that record, a connector that dials nothing."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextvars import Context
from typing import Any, TypeVarTuple, Unpack

from scheduler.sender.connection import Connection
from scheduler.sender.resolver import Unresolved

Args = TypeVarTuple("Args")


class FakeLoop(asyncio.BaseEventLoop):
    """A clock, timers and futures. Timers fire in `advance`, nothing else ever does."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.timers: list[asyncio.TimerHandle] = []
        self.armed = 0

    def time(self) -> float:
        return self.now

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Args]], object],
        *args: *Args,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self.timers.append(handle)
        self.armed += 1
        return handle

    def advance(self, seconds: float) -> None:
        """Move the clock and fire what is due, in order, also what that arms."""
        end = self.now + seconds
        while due := self._next(end):
            self.timers.remove(due)
            self.now = max(self.now, due.when())
            due._run()
        self.now = end

    def _next(self, end: float) -> asyncio.TimerHandle | None:
        self.timers = [timer for timer in self.timers if not timer.cancelled()]
        due = [timer for timer in self.timers if timer.when() <= end]
        return min(due, key=asyncio.TimerHandle.when, default=None)


class FakeTransport(asyncio.Transport):
    """Records what is written; the far end of `wire` makes its socket readable."""

    def __init__(self, peer: str = "127.0.0.1") -> None:
        self.near, self.far = socket.socketpair()
        self.peer = peer
        self.written: list[bytes] = []
        self.unsent = 0
        self.aborted = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"socket": self.near, "peername": (self.peer, 80)}.get(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def abort(self) -> None:
        self.aborted = True

    def dispose(self) -> None:
        self.near.close()
        self.far.close()


class Transports:
    """Makes fake transports and disposes of them."""

    def __init__(self) -> None:
        self.made: list[FakeTransport] = []

    def make(self, peer: str = "127.0.0.1") -> FakeTransport:
        self.made.append(FakeTransport(peer))
        return self.made[-1]

    def dispose(self) -> None:
        for transport in self.made:
            transport.dispose()


class RecordingConnector:
    """Dials nothing: records each address, then raises the next fault, or connects to a fake transport."""

    def __init__(self, transports: Transports, *faults: OSError | None, peer: str | None = None) -> None:
        self.transports = transports
        self.dialled: list[tuple[str, int, bool, str]] = []
        self._faults: Iterator[OSError | None] = iter(faults)
        self._peer = peer

    async def __call__(
        self,
        connection: Connection,
        address: str,
        port: int,
        *,
        tls: ssl.SSLContext | None,
        host: str,
    ) -> None:
        self.dialled.append((address, port, tls is not None, host))
        if fault := next(self._faults, None):
            raise fault
        connection.connection_made(self.transports.make(self._peer or address))


class RoteResolver:
    """Gives the next answer it was told; the last one for ever."""

    def __init__(self, *answers: Sequence[str] | Unresolved) -> None:
        self.asked: list[str] = []
        self._answers = list(answers)

    async def resolve(self, name: str) -> Sequence[str] | Unresolved:
        self.asked.append(name)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
