"""Running code until its end, or until something says that it must end: its time, what it wrote, a cancel.

Nothing of jobs is known here, and nothing of engines: code is begun by whoever asks, and stopped through the
runtimes' contract. When this returns or raises, the code is over or was left on purpose.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from scheduler.runtimes import quota
from scheduler.runtimes.runtime import Ending, Exit, Lasting, Work

# Between two looks at what an attempt has written.
_LOOK_SECONDS = 1.0


class Ended(msgspec.Struct, frozen=True):
    """How an attempt's code came to its end."""

    exit: Exit
    overran: bool = False
    """Whether it was stopped because its time was over."""


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt may take."""

    seconds: float
    """For its start and its work together."""
    place: Path
    """Its folder."""
    most_bytes: int
    """In that folder."""


async def watched(
    begin: Callable[[], Awaitable[Work | Exit]], bounds: Bounds, *, leaving: Callable[[], bool]
) -> Ended:
    """How what is begun came to its end.

    Cancelling this stops the code, waits until it is gone, and is raised again. If ``leaving`` then says so,
    code that can go on without us is left alone.
    """
    work: Work | None = None
    try:
        async with asyncio.timeout(bounds.seconds):
            begun = await begin()
            if isinstance(begun, Exit):
                return Ended(begun)
            work = begun
            return Ended(await _ended(work, bounds))
    except TimeoutError:
        if work is None:
            return Ended(Exit(how=Ending.NOT_STARTED), overran=True)
        await work.stop(timed_out=True)
        return Ended(await work.wait(), overran=True)
    except asyncio.CancelledError:
        if work is not None:
            await _let_go(work, leaving)
        raise


async def _let_go(work: Work, leaving: Callable[[], bool]) -> None:
    if isinstance(work, Lasting) and leaving():
        await work.leave()
        return
    await work.stop()
    await work.wait()


async def _ended(work: Work, bounds: Bounds) -> Exit:
    """Its end, also where that is for what it wrote."""
    waiting = asyncio.ensure_future(work.wait())
    try:
        while not (await asyncio.wait({waiting}, timeout=_LOOK_SECONDS))[0]:
            if await asyncio.to_thread(quota.exceeded, bounds.place, bounds.most_bytes):
                await work.stop()
                return msgspec.structs.replace(await waiting, how=Ending.OUTPUT_TOO_LARGE, message="")
        return waiting.result()
    finally:
        waiting.cancel()
