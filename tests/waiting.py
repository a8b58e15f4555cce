"""The one place in the suite that polls: processes in other address spaces cannot ring a bell here.

`wait_until` is for coroutines; `block_until` for fixtures that are none.
"""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

_EVERY_SECONDS = 0.02

T = TypeVar("T")


@overload
async def wait_until(look: Callable[[], Awaitable[T]], *, within: float, what: str) -> T: ...
@overload
async def wait_until(look: Callable[[], T], *, within: float, what: str) -> T: ...
async def wait_until(look: Callable[[], T | Awaitable[T]], *, within: float, what: str) -> T:
    """The first truthy answer of `look`; an AssertionError that says `what` when the deadline passes."""
    end = time.monotonic() + within
    while True:
        answer = look()
        found: T = await answer if inspect.isawaitable(answer) else answer
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"not within {within:g} s: {what}")
        await asyncio.sleep(_EVERY_SECONDS)


def block_until(look: Callable[[], T], *, within: float, what: str) -> T:
    """As `wait_until`, where there is no event loop."""
    end = time.monotonic() + within
    while not (found := look()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {within:g} s: {what}")
        time.sleep(_EVERY_SECONDS)
    return found
