"""Work for all requests of this process: what comes together is done together.

While a group is under way the next one gathers, so that a busy process asks the database far less often than
it is asked itself, and an idle one waits for nothing. Who asks and goes away takes nothing with it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")

_LANES = 2


class Asked(Generic[Q, A]):
    """A question, and who waits for its answer."""

    def __init__(self, question: Q) -> None:
        self.question = question
        self._answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()

    def tell(self, answer: A) -> None:
        """Answer, unless nobody waits any more."""
        if not self._answer.done():
            self._answer.set_result(answer)

    def fail(self, error: Exception) -> None:
        """The same with an error."""
        if not self._answer.done():
            self._answer.set_exception(error)

    async def answered(self) -> A:
        """The answer, once it is there. Raises the error that was told."""
        return await self._answer


class Lanes(Generic[Q, A]):
    """At most so many groups at once.

    ``divide`` takes the next group, which is not empty, from those that wait; ``serve`` tells each of it. An
    error of ``serve`` is told to all of its group that were not answered.
    """

    def __init__(
        self,
        divide: Callable[[list[Asked[Q, A]]], tuple[list[Asked[Q, A]], list[Asked[Q, A]]]],
        serve: Callable[[list[Asked[Q, A]]], Awaitable[None]],
    ) -> None:
        self._divide = divide
        self._serve = serve
        self._waiting: list[Asked[Q, A]] = []
        self._lanes: set[asyncio.Task[None]] = set()

    async def ask(self, question: Q) -> A:
        """The answer to one question. Raises what `serve` raises."""
        asked: Asked[Q, A] = Asked(question)
        self.again(asked)
        return await asked.answered()

    def again(self, asked: Asked[Q, A]) -> None:
        """Let it wait for the next group."""
        self._waiting.append(asked)
        if len(self._lanes) < _LANES:
            self._open()

    def _open(self) -> None:
        lane = asyncio.create_task(self._run())
        self._lanes.add(lane)
        lane.add_done_callback(self._closed)

    def _closed(self, lane: asyncio.Task[None]) -> None:
        """Who came after the lane's last look, and before this, found no lane to open."""
        self._lanes.discard(lane)
        if self._waiting and not self._lanes:
            self._open()

    async def _run(self) -> None:
        """Group after group while anybody waits."""
        while self._waiting:
            group, self._waiting = self._divide(self._waiting)
            try:
                await self._serve(group)
            except Exception as error:
                for asked in group:
                    asked.fail(error)
