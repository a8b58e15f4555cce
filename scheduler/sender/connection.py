"""One HTTP/1.1 connection to one address: one exchange at a time, no task, and a callback at its end.

A connection is fit for another exchange only when its last response ended cleanly, the target agreed, the
whole request had left and nothing more arrived. In every other case it is aborted at once: no lingering, no
waiting for a TLS goodbye. The deadline is one timer per connection, moved only when it would ring too late,
because arming one for every exchange costs as much as parsing the response.
"""

import asyncio
import select
from asyncio import AbstractEventLoop, BaseTransport, Future, TimerHandle, Transport
from collections.abc import Callable
from typing import cast

from scheduler.sender.reading import ResponseReader
from scheduler.sender.reply import Failure, Response
from scheduler.verdict import FailureCode

Done = Callable[[Response | Failure], object]
"""Is told what came of an exchange."""


class Connection(asyncio.Protocol):
    """The loop's protocol for one transport; `exchange` as long as it is fit."""

    _transport: Transport

    def __init__(self, loop: AbstractEventLoop, open_connections: set["Connection"]) -> None:
        self._loop = loop
        self._open = open_connections
        self._reader = ResponseReader()
        self._readable = select.poll()
        self._done: Done | None = None
        self._timer: TimerHandle | None = None
        self._deadline = 0.0
        self._request_size = 0
        self._exchanges = 0
        self.born_at = loop.time()
        self.closed: Future[None] = loop.create_future()
        self.fit = False

    @property
    def keep_alive_seconds(self) -> float | None:
        """For how long the target said it keeps an idle connection; none if it did not say."""
        return self._reader.keep_alive_seconds()

    @property
    def peer(self) -> str | None:
        """The address at the other end."""
        name = self._transport.get_extra_info("peername")
        return name[0] if name else None

    def exchange(self, wire: bytes, *, deadline: float, head_only: bool, done: Done) -> None:
        """Write one request; `done` is told once what came of it, by `deadline` (the loop's clock).

        Whoever no longer wants to know must `abort`.
        """
        self.fit = False
        self._exchanges += 1
        self._request_size = len(wire)
        self._reader.begin(head_only=head_only)
        self._done = done
        self._set_timer(deadline)
        self._transport.write(wire)

    def quiet(self) -> bool:
        """Whether an idle connection is still fit and has nothing to say that the loop has not seen yet."""
        return self.fit and not self._readable.poll(0)

    def abort(self) -> None:
        """Close at once; an exchange under way ends as lost."""
        self.fit = False
        self._fail(FailureCode.CONNECTION_LOST, "The call was given up.")
        self._transport.abort()

    def discard(self) -> None:
        """Give up a connection whose dial was broken off; uvloop never tells it that it was lost."""
        if self in self._open:
            self._open.discard(self)
            self.abort()

    # What the loop calls.

    def connection_made(self, transport: BaseTransport) -> None:
        self._transport = cast(Transport, transport)
        self._readable.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        self._open.add(self)
        self.fit = True

    def data_received(self, data: bytes) -> None:
        if self._done is None:
            self.abort()
        elif self._reader.feed(data):
            self._finish()

    def connection_lost(self, exc: Exception | None) -> None:
        self.fit = False
        self._open.discard(self)
        if not self.closed.done():
            self.closed.set_result(None)
        if self._timer is not None:
            self._timer.cancel()
        if self._done is not None and exc is None and self._reader.ends_with_connection():
            self._finish()
        else:
            self._fail(FailureCode.CONNECTION_LOST, self._where_lost(), detail=repr(exc))

    # How an exchange ends.

    def _finish(self) -> None:
        reader = self._reader
        if reader.fault is not None:
            self._fail(
                FailureCode.PROTOCOL_ERROR, "The target's answer was not valid HTTP/1.1.", detail=reader.fault
            )
            return
        left = self._transport.get_write_buffer_size()
        self.fit = reader.keep_alive and left == 0
        response = reader.response(bytes_sent=self._request_size - left, reused=self._exchanges > 1)
        self._deliver(response)

    def _fail(self, code: FailureCode, message: str, *, detail: str = "") -> None:
        if self._done is None:
            return
        sent = self._request_size - self._transport.get_write_buffer_size()
        self._deliver(Failure(code, message, bytes_sent=sent, detail=detail))

    def _deliver(self, reply: Response | Failure) -> None:
        done, self._done = self._done, None
        if not self.fit:
            self._transport.abort()
        if done is not None:
            done(reply)

    def _where_lost(self) -> str:
        if self._reader.status:
            return "The target closed the connection in the middle of its response."
        return "The target closed the connection without a response."

    # The deadline.

    def _set_timer(self, deadline: float) -> None:
        self._deadline = deadline
        if self._timer is not None:
            if self._timer.when() <= deadline:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._done is None:
            return
        if self._loop.time() < self._deadline:
            self._set_timer(self._deadline)
        else:
            self._fail(FailureCode.TIMEOUT, "The target did not finish its response before the deadline.")
