"""One attempt: on_start, the function, on_success or on_fail, on_end, in this order.

The function's end is told to the desk before any hook that follows it, so that nothing a hook does can change
it. What a function returns or raises after it was told to stop does not count: it was cancelled, or out of
time. It knows no process and no pipe.
"""

import asyncio
import json
import sys
import traceback
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from noonmark.functions.context import Context, Ending
from noonmark.functions.failures import PermanentFailure
from noonmark.functions.registry import Function, Hook

LONGEST_MESSAGE = 1_000
_OURS = {__file__, asyncio.runners.__file__, asyncio.base_events.__file__}


class How(StrEnum):
    """How a function came to its end, with more detail than hooks need."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    PERMANENT = "permanent"
    OUT_OF_MEMORY = "out_of_memory"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True, slots=True)
class Report:
    """A function's end."""

    how: How
    message: str = ""

    @property
    def ending(self) -> Ending:
        match self.how:
            case How.SUCCEEDED:
                return Ending.SUCCEEDED
            case How.CANCELLED:
                return Ending.CANCELLED
            case _:
                return Ending.FAILED


class Desk(Protocol):
    """Takes down what has happened, where a crash of this process cannot undo it."""

    def begun(self, stage: str) -> None: ...

    def keep(self, result: bytes | None) -> None:
        """The function's result, as JSON; none if it returned nothing."""

    def out_of_memory(self) -> None:
        """Before anything is said about it, which takes memory."""

    def concluded(self, report: Report) -> None: ...


class Invoker:
    """Calls what is sync and what is async alike; what is async shares one loop."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._task: asyncio.Task[Any] | None = None

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        value = function(*arguments)
        return self._runner.run(self._awaited(value)) if isinstance(value, Awaitable) else value

    def close(self) -> None:
        self._runner.close()

    def interrupt(self) -> None:
        """From a signal handler: cancel what is being awaited, if anything is."""
        if self._task is not None:
            self._runner.get_loop().call_soon_threadsafe(self._task.cancel)

    async def _awaited(self, value: Awaitable[Any]) -> Any:
        self._task = asyncio.current_task()
        try:
            return await value
        finally:
            self._task = None


def carry_out(
    function: Function, ctx: Context, desk: Desk, invoke: Invoker, *, timed_out: Callable[[], bool]
) -> None:
    """The whole attempt."""
    desk.begun(Hook.ON_START)
    subject: Any = None
    try:
        subject = _function(function, ctx, desk, invoke)
        report = Report(How.SUCCEEDED)
    except BaseException as error:  # Whatever it is, it is how the function ended.
        if ctx.cancelled:
            report = stopped(timed_out=timed_out())
            subject = TimeoutError(report.message)
        else:
            if isinstance(error, MemoryError):
                desk.out_of_memory()
            subject, report = error, _judged(error)
            _show(error)
    desk.concluded(report)
    call_hooks_after(function, ctx, desk, invoke, report=report, subject=subject)


def stopped(*, timed_out: bool) -> Report:
    """How a function ended that was told to stop before it was done."""
    if timed_out:
        return Report(How.TIMED_OUT, "it was stopped at the end of its time")
    return Report(How.CANCELLED, "it was told to stop")


def call_hooks_after(
    function: Function,
    ctx: Context,
    desk: Desk,
    invoke: Invoker,
    *,
    report: Report,
    subject: Any,
    done: Collection[str] = (),
) -> None:
    """The hooks that follow an end, but those that were called already. Their errors go no further."""
    ctx.ending = report.ending
    for hook in _due(report, ctx):
        if hook in done:
            continue
        desk.begun(hook)
        for handler in function.hooks[hook]:
            arguments = () if hook is Hook.ON_END else (subject,)
            try:
                _call(hook, handler, ctx, invoke, *arguments)
            except BaseException as error:  # A hook's sys.exit() ends nothing either.
                _show(error)


def _function(function: Function, ctx: Context, desk: Desk, invoke: Invoker) -> Any:
    for handler in function.hooks[Hook.ON_START]:
        _call(Hook.ON_START, handler, ctx, invoke)
    ctx.raise_if_cancelled()
    value = invoke(function.body, ctx, ctx.params)
    ctx.raise_if_cancelled()
    desk.keep(_encoded(function, value))
    return value


def _call(hook: Hook, handler: Callable[..., Any], ctx: Context, invoke: Invoker, *arguments: Any) -> None:
    error = None
    try:
        invoke(handler, ctx, *arguments)
    except BaseException as raised:
        error = _words(raised)
        raise
    finally:
        ctx.hook_called(hook, error)


def _due(report: Report, ctx: Context) -> list[Hook]:
    if report.how is How.SUCCEEDED:
        return [Hook.ON_SUCCESS, Hook.ON_END]
    last = report.how is How.PERMANENT or ctx.attempt >= ctx.max_attempts
    if report.ending is Ending.FAILED and last:
        return [Hook.ON_FAIL, Hook.ON_END]
    return [Hook.ON_END]


def _encoded(function: Function, value: Any) -> bytes | None:
    """PermanentFailure if it is no JSON: the work is done, and doing it again would not help."""
    if value is None:
        return None
    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise PermanentFailure(f"what {function.name} returned is not JSON: {error}") from None


def _judged(error: BaseException) -> Report:
    match error:
        case PermanentFailure():
            return Report(How.PERMANENT, _words(error))
        case MemoryError():
            return Report(How.OUT_OF_MEMORY, "it wanted more memory than its limit")
        case _:
            return Report(How.FAILED, _words(error))


def _words(error: BaseException) -> str:
    if isinstance(error, PermanentFailure) and str(error):
        return str(error)[:LONGEST_MESSAGE]
    return "".join(traceback.format_exception_only(error)).strip()[:LONGEST_MESSAGE]


def _show(error: BaseException) -> None:
    """On standard error, without our own frames."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename in _OURS and frames.tb_next is not None:
        frames = frames.tb_next
    traceback.print_exception(type(error), error, frames, file=sys.stderr)
