"""The one loop: everything that repeats is a ``once() -> int`` driven from here.

A pass returns how many rows it acted on. Some: the next pass follows at once. None: sleep for the interval,
shortened by `wake`. An error is logged, counted and followed by a growing pause; it never ends the loop.
Tests call ``once`` and never need this file.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from functools import partial

from core import log, metrics
from core.db import is_transient

_LONGEST_PAUSE = 5.0
_STAGGER = 0.2

_log = log.get(__name__)


class Loop:
    """Repeats one thing until it is told to stop. ``interval`` is seconds, or is asked before each sleep."""

    def __init__(
        self, once: Callable[[], Awaitable[int]], *, name: str, interval: float | Callable[[], float]
    ) -> None:
        self.name = name
        self._once = once
        self._interval = interval if callable(interval) else partial(float, interval)
        self._woken = asyncio.Event()
        self._failures = 0

    def wake(self) -> None:
        """End the current sleep, or skip the next one."""
        self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop`` is set; a pass under way is finished first."""
        ringing = asyncio.ensure_future(self._ring(stop))
        try:
            while not stop.is_set():
                self._woken.clear()
                await self._sleep(await self._pass())
        finally:
            ringing.cancel()

    async def _ring(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self.wake()

    async def _pass(self) -> float:
        """One pass; the seconds to sleep after it."""
        try:
            acted = await self._once()
        except Exception as error:
            return self._failed(error)
        self._failures = 0
        if acted:
            return 0.0
        return float(self._interval() * random.uniform(1 - _STAGGER, 1))

    def _failed(self, error: Exception) -> float:
        self._failures += 1
        metrics.loop_errors.labels(self.name).inc()
        _log.warning(
            "pass_failed", loop=self.name, error=repr(error), failures=self._failures,
            exc_info=not is_transient(error),
        )  # fmt: skip
        return min(_LONGEST_PAUSE, 0.1 * 2.0 ** min(self._failures, 10)) * random.uniform(0.5, 1)

    async def _sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            pass
