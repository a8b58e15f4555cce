"""The order of an attempt: on_start, the function, on_success or on_fail, on_end."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from noonmark.functions import Context, Function, PermanentFailure, Registry
from noonmark.functions.attempt import How, Invoker, Report, carry_out


class Desk:
    """Keeps what it is told."""

    def __init__(self, story: list[str]) -> None:
        self.story = story
        self.results: list[bytes | None] = []
        self.reports: list[Report] = []

    def begun(self, stage: str) -> None:
        return

    def keep(self, result: bytes | None) -> None:
        self.results.append(result)

    def out_of_memory(self) -> None:
        self.story.append("out of memory")

    def concluded(self, report: Report) -> None:
        self.story.append(f"({report.how})")
        self.reports.append(report)


class Stage:
    """A function with every hook, what they did, and the attempt at it."""

    def __init__(self, invoke: Invoker) -> None:
        self.story: list[str] = []
        self.events: list[Mapping[str, Any]] = []
        self.desk = Desk(self.story)
        self.stopped = False
        self._invoke = invoke

    def function(self, body: Callable[[Context, Any], Any], **hooks: Callable[..., Any]) -> Function:
        noted: dict[str, Any] = {
            name: self._noted(name) for name in ("on_start", "on_success", "on_fail", "on_end")
        }

        def told(ctx: Context, params: Any) -> Any:
            self.story.append("function")
            return body(ctx, params)

        return Registry().job("staged", version=1, **(noted | hooks))(told)

    def carry_out(
        self, function: Function, *, attempt: int = 1, of: int = 1, timed_out: bool = False
    ) -> Report:
        ctx = Context(attempt=attempt, max_attempts=of, emit=self.events.append, stopped=lambda: self.stopped)
        carry_out(function, ctx, self.desk, self._invoke, timed_out=lambda: timed_out)
        return self.desk.reports[-1]

    def stop(self, *_: Any) -> None:
        self.stopped = True

    def _noted(self, name: str) -> Callable[..., None]:
        def note(ctx: Context, *subject: object) -> None:
            self.story.append(" ".join([name, *(repr(each) for each in subject)]))

        return note


@pytest.fixture
def stage() -> Iterator[Stage]:
    invoke = Invoker()
    yield Stage(invoke)
    invoke.close()


def fail(*_: Any) -> None:
    raise ValueError("no")


def give_up(*_: Any) -> None:
    raise PermanentFailure("never")


def leave(*_: Any) -> None:
    raise SystemExit(3)


def test_a_success_is_kept_before_its_hooks(stage: Stage) -> None:
    report = stage.carry_out(stage.function(lambda ctx, params: {"ü": 1}))
    assert report == Report(How.SUCCEEDED)
    assert stage.desk.results == ['{"ü": 1}'.encode()]
    assert stage.story == ["on_start", "function", "(succeeded)", "on_success {'ü': 1}", "on_end"]


def test_a_failure_with_attempts_left_calls_on_end_alone(stage: Stage) -> None:
    report = stage.carry_out(stage.function(fail), attempt=2, of=3)
    assert report == Report(How.FAILED, "ValueError: no")
    assert stage.story == ["on_start", "function", "(failed)", "on_end"]


def test_the_last_failure_calls_on_fail(stage: Stage) -> None:
    stage.carry_out(stage.function(fail), attempt=3, of=3)
    assert stage.story == ["on_start", "function", "(failed)", "on_fail ValueError('no')", "on_end"]


def test_a_permanent_failure_makes_an_attempt_the_last(stage: Stage) -> None:
    report = stage.carry_out(stage.function(give_up), attempt=1, of=3)
    assert report == Report(How.PERMANENT, "never")
    assert stage.story[2:] == ["(permanent)", "on_fail PermanentFailure('never')", "on_end"]


def test_an_error_of_on_start_fails_the_attempt_before_the_function(stage: Stage) -> None:
    report = stage.carry_out(stage.function(lambda ctx, params: 1, on_start=fail))
    assert report.how is How.FAILED
    assert stage.story == ["(failed)", "on_fail ValueError('no')", "on_end"]


@pytest.mark.parametrize("hook", ["on_success", "on_end"])
@pytest.mark.parametrize("broken", [fail, leave])
def test_an_error_of_a_later_hook_changes_nothing(
    stage: Stage, hook: str, broken: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    report = stage.carry_out(stage.function(lambda ctx, params: 1, **{hook: broken}))
    assert report == Report(How.SUCCEEDED)
    assert "Traceback" in capsys.readouterr().err
    assert stage.story.count("on_end") == (hook != "on_end")


def test_a_hook_is_told_as_an_event_with_its_error(stage: Stage) -> None:
    stage.carry_out(stage.function(lambda ctx, params: 1, on_success=fail))
    assert [(each["name"], each["error"]) for each in stage.events] == [
        ("on_start", None),
        ("on_success", "ValueError: no"),
        ("on_end", None),
    ]


@pytest.mark.parametrize("body", [lambda ctx, params: 1, fail], ids=["returns", "raises"])
def test_what_a_function_says_after_a_stop_does_not_count(stage: Stage, body: Callable[..., Any]) -> None:
    def stopped(ctx: Context, params: Any) -> Any:
        stage.stop()
        return body(ctx, params)

    assert stage.carry_out(stage.function(stopped)).how is How.CANCELLED
    assert stage.desk.results == []
    assert stage.story == ["on_start", "function", "(cancelled)", "on_end"]


def test_a_stop_before_the_function_spares_it(stage: Stage) -> None:
    assert stage.carry_out(stage.function(fail, on_start=stage.stop)).how is How.CANCELLED
    assert "function" not in stage.story


def test_a_stop_after_the_function_changes_nothing(stage: Stage) -> None:
    assert stage.carry_out(stage.function(lambda ctx, params: 1, on_success=stage.stop)).how is How.SUCCEEDED


def test_running_out_of_time_is_a_failure(stage: Stage) -> None:
    def stopped(ctx: Context, params: Any) -> None:
        stage.stop()
        ctx.raise_if_cancelled()

    assert stage.carry_out(stage.function(stopped), timed_out=True).how is How.TIMED_OUT
    assert stage.story[-2].startswith("on_fail TimeoutError")


@pytest.mark.parametrize("value", [object(), float("inf"), {1, 2}], ids=["object", "infinite", "set"])
def test_a_result_that_is_no_json_is_not_computed_again(stage: Stage, value: object) -> None:
    report = stage.carry_out(stage.function(lambda ctx, params: value), of=3)
    assert report.how is How.PERMANENT
    assert "what staged@1 returned is not JSON" in report.message


def test_a_lack_of_memory_is_noted_before_anything_is_said(stage: Stage) -> None:
    def hungry(*_: Any) -> None:
        raise MemoryError

    assert stage.carry_out(stage.function(hungry)).how is How.OUT_OF_MEMORY
    assert stage.story[2:4] == ["out of memory", "(out_of_memory)"]


def test_what_ends_the_interpreter_ends_an_attempt_alone(stage: Stage) -> None:
    assert stage.carry_out(stage.function(leave)) == Report(How.FAILED, "SystemExit: 3")


def test_a_traceback_shows_the_users_frames_alone(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage.carry_out(stage.function(fail))
    shown = capsys.readouterr().err
    assert "in fail" in shown
    assert "functions/attempt.py" not in shown


def test_sync_and_async_share_one_attempt_and_one_loop(stage: Stage) -> None:
    loops = set()

    async def awaited(*_: Any) -> int:
        loops.add(asyncio.get_running_loop())
        return 7

    assert stage.carry_out(stage.function(awaited, on_start=awaited, on_end=awaited)).how is How.SUCCEEDED
    assert stage.desk.results == [b"7"]
    assert len(loops) == 1


def test_an_interrupt_cancels_what_is_awaited(stage: Stage) -> None:
    invoke = Invoker()

    async def patient(*_: Any) -> None:
        stage.stop()
        invoke.interrupt()
        await asyncio.Event().wait()

    with pytest.raises(asyncio.CancelledError):
        invoke(patient)
    invoke.close()
