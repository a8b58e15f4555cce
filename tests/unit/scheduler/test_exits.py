"""What the end of an attempt's code means."""

import pytest

from core.jobs.model import Outcome
from scheduler.exits import judge_exit
from scheduler.runtimes.runtime import Ending, Exit
from scheduler.verdict import Verdict


def test_zero_succeeds() -> None:
    assert judge_exit(Exit(how=Ending.EXITED, code=0)) == Verdict(Outcome.SUCCEEDED)


@pytest.mark.parametrize("code", [1, 2, 126, 127, 255])
def test_any_other_code_is_tried_again_and_told(code: int) -> None:
    verdict = judge_exit(Exit(how=Ending.EXITED, code=code))
    assert (verdict.outcome, verdict.retry, verdict.code) == (Outcome.FAILED, True, "exited")
    assert str(code) in (verdict.message or "")


def test_a_code_that_the_job_calls_permanent_is_not_tried_again() -> None:
    exit = Exit(how=Ending.EXITED, code=64)
    assert [judge_exit(exit, permanent=codes).retry for codes in ((), (64, 65))] == [True, False]


def test_zero_cannot_be_called_permanent() -> None:
    assert judge_exit(Exit(how=Ending.EXITED, code=0), permanent=(0,)).outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("how", [Ending.EXITED, Ending.SIGNALLED, Ending.STOPPED])
def test_what_overran_timed_out_however_it_then_ended(how: Ending) -> None:
    verdict = judge_exit(Exit(how=how, code=0), overran=True)
    assert (verdict.outcome, verdict.retry, verdict.code) == (Outcome.TIMED_OUT, True, "timeout")


def test_what_its_engine_ended_in_time_timed_out_too_and_may_say_why() -> None:
    verdict = judge_exit(Exit(how=Ending.TIMED_OUT, message="Because."))
    assert (verdict.outcome, verdict.retry, verdict.code) == (Outcome.TIMED_OUT, True, "timeout")
    assert verdict.message == "Because."
    assert judge_exit(Exit(how=Ending.TIMED_OUT)).message == "It did not end in time."


@pytest.mark.parametrize("how", [one for one in Ending if one not in (Ending.EXITED, Ending.TIMED_OUT)])
def test_every_other_end_fails_under_its_own_name_and_says_why(how: Ending) -> None:
    verdict = judge_exit(Exit(how=how))
    assert (verdict.outcome, verdict.code) == (Outcome.FAILED, how.value)
    assert verdict.message
    assert verdict.retry is (how is not Ending.NOT_STARTED)
    assert judge_exit(Exit(how=how, message="Because.")).message == "Because."
