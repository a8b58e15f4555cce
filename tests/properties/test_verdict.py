"""Whatever a target answers, a verdict is given and its numbers are usable."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from core.jobs.model import Outcome
from core.jobs.success import MAX_PATTERNS, StatusSet, parse_success
from scheduler.retry_after import LONGEST_SECONDS, retry_after
from scheduler.verdict import FailureCode, judge


class Answer(msgspec.Struct, frozen=True):
    status: int
    headers: Sequence[tuple[str | bytes, str | bytes]]


names = st.sampled_from(["Retry-After", "retry-after", b"RETRY-AFTER", "X-RateLimit-Reset"])
near_misses = st.from_regex(r"\s?[-+]?[0-9a-zA-Z:., ]{0,40}(ms|[dhms]|GMT)?")
values = st.one_of(st.text(), st.binary(), near_misses, st.floats().map(str), st.integers().map(str))
instants = st.floats(min_value=0, max_value=4e9)
statuses = st.one_of(st.integers(min_value=100, max_value=599), st.integers())
patterns = st.sampled_from(["2xx", "3xx", "404", "200-204", "500"])
rules = st.lists(patterns, min_size=1, max_size=MAX_PATTERNS).map(parse_success)
moments = st.integers(min_value=86_400, max_value=3_786_912_000).map(
    lambda at: datetime.fromtimestamp(at, UTC)
)


@given(statuses, st.lists(st.tuples(names, values)), rules, instants)
def test_a_verdict_is_always_given_and_its_wait_is_finite(
    status: int, headers: list[tuple[str | bytes, str | bytes]], rule: StatusSet, now: float
) -> None:
    verdict = judge(Answer(status, headers), rule, now=now)
    if verdict.retry_after is not None:
        assert math.isfinite(verdict.retry_after)
        assert 0 <= verdict.retry_after <= LONGEST_SECONDS


@given(statuses, rules, instants)
def test_a_success_carries_no_error_and_a_failure_always_does(
    status: int, rule: StatusSet, now: float
) -> None:
    verdict = judge(Answer(status, ()), rule, now=now)
    succeeded = verdict.outcome is Outcome.SUCCEEDED
    assert succeeded == (verdict.code is None) == (verdict.message is None)
    assert not (succeeded and verdict.retry)


@given(st.sampled_from(FailureCode), rules, instants, st.text())
def test_a_call_without_an_answer_never_succeeds(
    code: FailureCode, rule: StatusSet, now: float, message: str
) -> None:
    assert judge(code, rule, now=now, message=message).outcome is not Outcome.SUCCEEDED


@given(moments, st.integers(min_value=-86_400, max_value=86_400))
def test_the_three_date_forms_mean_the_same_instant(moment: datetime, offset: int) -> None:
    now = moment.timestamp() - offset
    forms = ("%a, %d %b %Y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y")
    asked = {retry_after([("Retry-After", moment.strftime(form))], now=now) for form in forms}
    short = retry_after([("Retry-After", moment.strftime("%A, %d-%b-%y %H:%M:%S GMT"))], now=now)
    assert asked | {short} == {float(max(offset, 0))}
