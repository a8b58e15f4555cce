"""The one loop: it repeats, sleeps, wakes, survives errors, and stops at once."""

import asyncio

import pytest

from core import metrics
from core.loop import Loop

LONG = 3600.0


class Passes:
    """Something to repeat: gives what it was told, and counts."""

    def __init__(self, *answers: int | Exception) -> None:
        self.count = 0
        self._counts: asyncio.Queue[int] = asyncio.Queue()
        self.go = asyncio.Event()
        self.go.set()
        self._answers = list(answers)

    async def once(self) -> int:
        self.count += 1
        self._counts.put_nowait(self.count)
        await self.go.wait()
        answer = self._answers.pop(0) if self._answers else 0
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def reached(self, count: int) -> None:
        """Until this many passes have begun."""
        async with asyncio.timeout(5):
            while await self._counts.get() < count:
                pass


async def finish(running: asyncio.Task[None], stop: asyncio.Event) -> None:
    stop.set()
    async with asyncio.timeout(5):
        await running


def start(loop: Loop) -> tuple[asyncio.Task[None], asyncio.Event]:
    stop = asyncio.Event()
    return asyncio.create_task(loop.run(stop)), stop


async def test_it_goes_on_at_once_while_there_is_something_to_do() -> None:
    passes = Passes(3, 2, 1)
    running, stop = start(Loop(passes.once, name="test", interval=LONG))
    await passes.reached(4)
    await finish(running, stop)


async def test_it_sleeps_when_there_is_nothing_to_do() -> None:
    passes = Passes()
    running, stop = start(Loop(passes.once, name="test", interval=LONG))
    await passes.reached(1)
    for _ in range(100):
        await asyncio.sleep(0)
    assert passes.count == 1
    await finish(running, stop)


async def test_waking_it_ends_its_sleep() -> None:
    passes = Passes()
    loop = Loop(passes.once, name="test", interval=LONG)
    running, stop = start(loop)
    await passes.reached(1)
    loop.wake()
    await passes.reached(2)
    await finish(running, stop)


async def test_waking_it_during_a_pass_is_not_forgotten() -> None:
    passes = Passes()
    passes.go.clear()
    loop = Loop(passes.once, name="test", interval=LONG)
    running, stop = start(loop)
    await passes.reached(1)
    loop.wake()
    passes.go.set()
    await passes.reached(2)
    await finish(running, stop)


async def test_the_interval_may_be_asked_for_each_time() -> None:
    passes = Passes()

    def interval() -> float:
        return 0.0 if passes.count < 3 else LONG

    running, stop = start(Loop(passes.once, name="test", interval=interval))
    await passes.reached(3)
    await asyncio.sleep(0)
    assert passes.count == 3
    await finish(running, stop)


async def test_an_error_is_counted_and_does_not_end_it() -> None:
    before = metrics.loop_errors.labels("failing")._value.get()
    passes = Passes(ValueError("one"), OSError("two"))
    loop = Loop(passes.once, name="failing", interval=LONG)
    running, stop = start(loop)
    await passes.reached(1)
    loop.wake()
    await passes.reached(2)
    await finish(running, stop)
    assert metrics.loop_errors.labels("failing")._value.get() == before + 2


async def test_errors_in_a_row_make_longer_and_longer_pauses_up_to_a_bound() -> None:
    loop = Loop(Passes().once, name="test", interval=LONG)
    pauses = [loop._failed(ValueError()) for _ in range(12)]
    assert all(pause <= 5.0 for pause in pauses)
    assert pauses[0] < 0.25
    assert pauses[-1] >= 2.5


async def test_stopping_ends_its_sleep() -> None:
    running, stop = start(Loop(Passes().once, name="test", interval=LONG))
    await asyncio.sleep(0)
    await finish(running, stop)


async def test_stopping_ends_the_pause_after_an_error() -> None:
    passes = Passes(*[ValueError()] * 8)
    loop = Loop(passes.once, name="test", interval=LONG)
    loop._failures = 8
    running, stop = start(loop)
    await passes.reached(1)
    await finish(running, stop)


@pytest.mark.promise(9)
async def test_stopping_lets_a_pass_finish() -> None:
    passes = Passes(1)
    passes.go.clear()
    running, stop = start(Loop(passes.once, name="test", interval=LONG))
    await passes.reached(1)
    stop.set()
    await asyncio.sleep(0)
    assert not running.done()
    passes.go.set()
    await finish(running, stop)
    assert passes.count == 1


async def test_a_loop_that_is_told_to_stop_before_it_starts_does_nothing() -> None:
    passes, stop = Passes(), asyncio.Event()
    stop.set()
    await Loop(passes.once, name="test", interval=LONG).run(stop)
    assert passes.count == 0


async def test_a_busy_loop_lets_others_run() -> None:
    passes = Passes(*[1] * 1000)
    running, stop = start(Loop(passes.once, name="test", interval=LONG))
    for _ in range(10):
        await asyncio.sleep(0)
    assert passes.count < 1000
    await finish(running, stop)
