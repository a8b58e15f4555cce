"""One call, from its request to its reply.

It has no task of its own while it waits for the target: the connection tells it what came of it, and it tells
whoever began it. Only a dial, which has several things to wait for, is a task.
"""

from asyncio import Task
from collections.abc import Callable

from scheduler.sender.connection import Connection
from scheduler.sender.dialer import Guard
from scheduler.sender.pool import Key, Pool
from scheduler.sender.reply import NotStarted, Reply

Told = Callable[[Reply | BaseException], object]
"""Is told, once, what came of a call; an error is our own."""


class Call:
    """Made by a sender."""

    __slots__ = (
        "_connection",
        "_pool",
        "deadline",
        "dial",
        "done",
        "guard",
        "head_only",
        "key",
        "wire",
        "writing",
    )

    def __init__(
        self,
        pool: Pool,
        key: Key,
        wire: bytes,
        *,
        head_only: bool,
        deadline: float,
        guard: Guard,
        writing: Callable[[int], object],
        done: Told,
    ) -> None:
        self._pool = pool
        self._connection: Connection | None = None
        self.key = key
        self.wire = wire
        self.head_only = head_only
        self.deadline = deadline
        self.guard = guard
        self.writing = writing
        self.done = done
        self.dial: Task[None] | None = None

    def abort(self) -> None:
        """Give it up at once. `done` is still told: in this very moment, or once a dial is broken off."""
        if self._connection is not None:
            self._connection.abort()
        elif self.dial is not None:
            self.dial.cancel()

    def go(self, connection: Connection) -> None:
        """Write the request, if the guard still agrees."""
        if not self.guard():
            self._pool.release(self.key, connection)
            self.done(NotStarted())
            return
        self._connection = connection
        self.writing(len(self.wire))
        connection.exchange(self.wire, deadline=self.deadline, head_only=self.head_only, done=self._over)

    def _over(self, reply: Reply) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.release(self.key, connection)
        self.done(reply)
