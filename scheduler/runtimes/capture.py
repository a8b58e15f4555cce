"""From a pipe into an attempt's output, as it comes.

A pump reads what is there and hands it on; nothing is kept here, so memory does not grow with what is
printed, and a program never waits for its output to be *used*. A flood is slowed down, however: all pumps of
a runtime share one throttle, so that a program that prints without end cannot take the event loop from
everything else a replica does.
"""

import asyncio
import os
from collections.abc import Callable

from core.logs.model import Stream
from scheduler.runtimes.runtime import Output

_PIECE = 64 * 1024
_BURST_SECONDS = 0.05


class Throttle:
    """Spreads what all pumps read over time; up to a burst it costs nothing."""

    def __init__(self, bytes_per_second: float, now: Callable[[], float]) -> None:
        self._rate = bytes_per_second
        self._now = now
        self._paid_until = now() - _BURST_SECONDS

    def take(self, size: int) -> float:
        """Account for bytes that were read; the seconds to wait before more is read, mostly 0."""
        now = self._now()
        self._paid_until = max(self._paid_until, now - _BURST_SECONDS) + size / self._rate
        return max(0.0, self._paid_until - now)


class Pump:
    """Reads one pipe to its end. It owns the descriptor from here on."""

    def __init__(self, descriptor: int, stream: Stream, output: Output, throttle: Throttle) -> None:
        os.set_blocking(descriptor, False)
        self._loop = asyncio.get_running_loop()
        self._descriptor = descriptor
        self._stream = stream
        self._output = output
        self._throttle = throttle
        self._waiting: asyncio.TimerHandle | None = None
        self._ended = asyncio.Event()
        self._loop.add_reader(descriptor, self._read)

    async def finish(self, within: float) -> None:
        """Read what is left. A stranger who was handed the pipe's other end cannot hold us up for ever."""
        try:
            async with asyncio.timeout(within):
                await self._ended.wait()
        except TimeoutError:
            self.close()

    def close(self) -> None:
        if self._ended.is_set():
            return
        self._ended.set()
        if self._waiting is not None:
            self._waiting.cancel()
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, _PIECE)
        except BlockingIOError:
            return
        if not data:
            self.close()
            return
        self._output.write(self._stream, data)
        pause = self._throttle.take(len(data))
        if pause:
            self._loop.remove_reader(self._descriptor)
            self._waiting = self._loop.call_later(pause, self._go_on)

    def _go_on(self) -> None:
        self._waiting = None
        self._loop.add_reader(self._descriptor, self._read)
