"""What an answer says of the limit."""

import pytest

from app.limits.model import Allowance, Budget, budget

FIVE = Allowance(rate=5.0, burst=5)


@pytest.mark.parametrize(("spent", "left"), [(0.0, 5), (0.2, 4), (0.200001, 4), (0.199999, 4), (1.0, 0)])
def test_what_is_left_is_what_is_not_spent(spent: float, left: int) -> None:
    assert budget(FIVE, spent=spent, stock=0, refused=False).remaining == left


def test_what_this_process_took_and_did_not_use_is_left_too() -> None:
    assert budget(FIVE, spent=0.4, stock=1, refused=False).remaining == 4


def test_never_more_is_left_than_the_burst() -> None:
    assert budget(FIVE, spent=0.0, stock=3, refused=False).remaining == 5


def test_a_refused_request_is_told_when_the_next_one_fits() -> None:
    slow = Allowance(rate=0.1, burst=2)
    assert budget(slow, spent=20.0, stock=0, refused=True) == Budget(2, 0, reset=20, retry_after=10)


def test_nobody_is_told_to_wait_for_no_time() -> None:
    assert budget(FIVE, spent=0.85, stock=0, refused=True).retry_after == 1


def test_a_budget_is_told_in_three_headers() -> None:
    assert dict(Budget(5, 4, 1).headers()) == {
        b"x-ratelimit-limit": b"5",
        b"x-ratelimit-remaining": b"4",
        b"x-ratelimit-reset": b"1",
    }
