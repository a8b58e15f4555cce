"""The waits a policy gives, as a table, and the two exceptions to it: losses and Retry-After."""

import msgspec
import pytest

from core.jobs.backoff import Backoff, Retry, after_loss, delay, honour

MIDDLE = 0.5
ALMOST_ONE = 1 - 2**-53


def waits(retry: Retry, *, roll: float = MIDDLE) -> list[float]:
    return [delay(retry, attempt, roll=roll) for attempt in range(1, 11)]


def test_an_exponential_wait_doubles_up_to_the_cap() -> None:
    retry = Retry(max_attempts=21, base_seconds=30, max_seconds=3600, jitter=0)
    assert waits(retry) == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_a_linear_wait_grows_by_the_base_up_to_the_cap() -> None:
    retry = Retry(backoff=Backoff.LINEAR, base_seconds=30, max_seconds=200, jitter=0)
    assert waits(retry) == [30, 60, 90, 120, 150, 180, 200, 200, 200, 200]


def test_the_default_policy_is_four_attempts_thirty_seconds_an_hour_and_a_quarter() -> None:
    assert Retry() == Retry(
        max_attempts=4, backoff=Backoff.EXPONENTIAL, base_seconds=30, max_seconds=3600, jitter=0.25
    )


def test_jitter_spreads_evenly_below_and_above() -> None:
    assert [delay(Retry(), 1, roll=roll) for roll in (0, 0.5, ALMOST_ONE)] == [22.5, 30, 37.5]


def test_jitter_at_the_cap_spreads_below_it_instead_of_piling_up_on_it() -> None:
    retry = Retry(base_seconds=3600, max_seconds=3600, jitter=0.5)
    assert [delay(retry, 1, roll=roll) for roll in (0, 0.5, ALMOST_ONE)] == [1800, 2700, 3600]


def test_full_jitter_may_wait_nothing_but_not_less() -> None:
    assert delay(Retry(jitter=1), 1, roll=0) == 0


@pytest.mark.parametrize("backoff", list(Backoff))
@pytest.mark.parametrize("attempt", [22, 1_025, 10**9, 10**400])
def test_a_huge_attempt_number_waits_the_cap(backoff: Backoff, attempt: int) -> None:
    retry = Retry(backoff=backoff, max_seconds=60, jitter=0)
    assert delay(retry, attempt, roll=MIDDLE) == 60


def test_an_attempt_number_below_one_counts_as_the_first() -> None:
    assert delay(Retry(), -3, roll=MIDDLE) == delay(Retry(), 1, roll=MIDDLE)


def test_a_base_of_zero_waits_nothing() -> None:
    assert delay(Retry(base_seconds=0), 5, roll=MIDDLE) == 0


def test_the_first_loss_comes_back_within_five_seconds() -> None:
    assert [after_loss(1, Retry(), 3, roll=roll) for roll in (0, 0.5)] == [0, 2.5]


def test_the_second_loss_in_a_row_waits_as_the_policy_says() -> None:
    assert after_loss(2, Retry(), 3, roll=MIDDLE) == delay(Retry(), 3, roll=MIDDLE) == 120


def test_a_first_loss_keeps_a_cap_shorter_than_five_seconds() -> None:
    assert after_loss(1, Retry(max_seconds=1), 1, roll=MIDDLE) == 0.5


@pytest.mark.parametrize(
    ("retry_after", "waited"),
    [(None, 30), (0, 30), (7, 30), (90, 90), (3600, 3600), (1e9, 3600)],
    ids=["silent", "zero", "shorter", "longer", "cap", "beyond the cap"],
)
def test_a_target_may_lengthen_the_wait_up_to_the_cap(retry_after: float | None, waited: float) -> None:
    assert honour(Retry(), 30, retry_after) == waited


@pytest.mark.parametrize(
    "policy",
    [
        {"max_attempts": 0},
        {"max_attempts": 22},
        {"backoff": "fibonacci"},
        {"base_seconds": -1},
        {"base_seconds": 1e308},
        {"max_seconds": -0.1},
        {"max_seconds": 604_801},
        {"jitter": 1.1},
        {"jitter": -0.1},
    ],
)
def test_a_policy_out_of_bounds_is_refused_where_it_is_read(policy: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(policy, Retry)
