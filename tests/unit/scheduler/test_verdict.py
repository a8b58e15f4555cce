"""Verdicts: one table of statuses, one of failures, and the user's rule above both."""

from collections.abc import Sequence

import msgspec
import pytest

from core.jobs.model import Outcome
from core.jobs.success import StatusSet, parse_success
from scheduler.verdict import FailureCode, Verdict, judge

NOW = 784_111_777.0


def ruled(*patterns: str) -> StatusSet:
    rule = parse_success(patterns)
    assert isinstance(rule, StatusSet)
    return rule


DEFAULT = ruled("2xx")


class Answer(msgspec.Struct, frozen=True):
    """A response as a sender would bring it."""

    status: int
    headers: Sequence[tuple[str, str]] = ()


def judged(status: int, *patterns: str, headers: Sequence[tuple[str, str]] = ()) -> Verdict:
    rule = ruled(*patterns) if patterns else DEFAULT
    return judge(Answer(status, headers), rule, now=NOW)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 226, 299])
def test_any_2xx_succeeds(status: int) -> None:
    assert judged(status) == Verdict(Outcome.SUCCEEDED)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_a_passing_trouble_is_retried(status: int) -> None:
    verdict = judged(status)
    assert (verdict.outcome, verdict.retry, verdict.code) == (Outcome.FAILED, True, "http_status")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 418, 422, 499])
def test_any_other_4xx_is_permanent(status: int) -> None:
    verdict = judged(status)
    assert (verdict.outcome, verdict.retry, verdict.code) == (Outcome.FAILED, False, "http_status")


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_a_redirect_is_permanent(status: int) -> None:
    verdict = judged(status)
    assert (verdict.outcome, verdict.retry, verdict.code) == (Outcome.FAILED, False, "redirect")


@pytest.mark.parametrize("status", [-1, 0, 101, 199, 600, 999])
def test_what_is_no_final_status_is_retried_like_a_5xx(status: int) -> None:
    assert judged(status).retry


@pytest.mark.parametrize("status", [302, 404, 410, 429, 500])
def test_a_widened_rule_makes_any_status_a_success(status: int) -> None:
    assert judged(status, "2xx", str(status)) == Verdict(Outcome.SUCCEEDED)


def test_a_2xx_outside_a_narrowed_rule_is_retried() -> None:
    verdict = judged(202, "200")
    assert (verdict.outcome, verdict.retry) == (Outcome.FAILED, True)


def test_a_rule_changes_nothing_for_the_statuses_it_leaves_out() -> None:
    assert judged(422, "404") == judged(422)


@pytest.mark.parametrize(
    ("code", "outcome", "retry"),
    [
        (FailureCode.DESTINATION_REFUSED, Outcome.BLOCKED, False),
        (FailureCode.DNS_ERROR, Outcome.FAILED, True),
        (FailureCode.CONNECT_ERROR, Outcome.FAILED, True),
        (FailureCode.TLS_ERROR, Outcome.FAILED, True),
        (FailureCode.TIMEOUT, Outcome.TIMED_OUT, True),
        (FailureCode.CONNECTION_LOST, Outcome.FAILED, True),
        (FailureCode.PROTOCOL_ERROR, Outcome.FAILED, True),
    ],
)
def test_no_answer_is_judged_by_its_cause(code: FailureCode, outcome: Outcome, retry: bool) -> None:
    verdict = judge(code, DEFAULT, now=NOW)
    assert (verdict.outcome, verdict.retry, verdict.code) == (outcome, retry, code.value)


@pytest.mark.parametrize("code", FailureCode)
def test_every_failure_has_a_sentence(code: FailureCode) -> None:
    message = judge(code, DEFAULT, now=NOW).message
    assert message and message.endswith(".")


def test_a_sender_s_message_takes_the_place_of_the_stock_sentence() -> None:
    verdict = judge(FailureCode.DNS_ERROR, DEFAULT, now=NOW, message="No address for shop.example.")
    assert verdict.message == "No address for shop.example."


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
def test_retry_after_is_passed_on_with_every_retried_status(status: int) -> None:
    assert judged(status, headers=[("retry-after", "7")]).retry_after == 7


@pytest.mark.parametrize("status", [200, 302, 404])
def test_retry_after_means_nothing_where_nothing_is_retried(status: int) -> None:
    assert judged(status, headers=[("retry-after", "7")]).retry_after is None


def test_rate_limit_headers_are_not_a_wish_to_wait() -> None:
    assert judged(429, headers=[("X-RateLimit-Reset", "60")]).retry_after is None
