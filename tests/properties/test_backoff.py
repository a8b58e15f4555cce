"""Backoff holds its bounds for every policy, attempt and roll."""

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from core.jobs.backoff import FIRST_LOSS_SECONDS, Backoff, Retry, after_loss, delay, honour

seconds = st.floats(min_value=0, max_value=604_800)
rolls = st.floats(min_value=0, max_value=1, exclude_max=True)
attempts = st.integers(min_value=1, max_value=10**30)
policies = st.builds(
    Retry,
    max_attempts=st.integers(min_value=1, max_value=21),
    backoff=st.sampled_from(Backoff),
    base_seconds=seconds,
    max_seconds=seconds,
    jitter=st.floats(min_value=0, max_value=1),
)


def without_jitter(retry: Retry) -> Retry:
    return msgspec.structs.replace(retry, jitter=0)


@given(policies, attempts, rolls)
def test_a_wait_is_never_negative_and_never_above_the_cap(retry: Retry, attempt: int, roll: float) -> None:
    assert 0 <= delay(retry, attempt, roll=roll) <= retry.max_seconds


@given(policies, attempts, rolls)
def test_jitter_moves_a_wait_by_no_more_than_its_share(retry: Retry, attempt: int, roll: float) -> None:
    nominal = delay(without_jitter(retry), attempt, roll=0)
    slack = nominal * retry.jitter * (1 + 1e-9) + 1e-9
    assert abs(delay(retry, attempt, roll=roll) - nominal) <= slack


@given(policies, attempts, rolls)
def test_without_jitter_a_later_attempt_never_waits_less(retry: Retry, attempt: int, roll: float) -> None:
    plain = without_jitter(retry)
    assert delay(plain, attempt, roll=roll) <= delay(plain, attempt + 1, roll=roll)


@given(policies, attempts, rolls, rolls)
def test_a_higher_roll_never_waits_less(retry: Retry, attempt: int, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert delay(retry, attempt, roll=low) <= delay(retry, attempt, roll=high)


@given(policies, attempts, rolls, st.floats(min_value=1e-3, max_value=1e3))
def test_the_answer_is_in_the_unit_of_the_policy(
    retry: Retry, attempt: int, roll: float, factor: float
) -> None:
    base, cap = retry.base_seconds * factor, retry.max_seconds * factor
    scaled = msgspec.structs.replace(retry, base_seconds=base, max_seconds=cap)
    expected = delay(retry, attempt, roll=roll) * factor
    assert abs(delay(scaled, attempt, roll=roll) - expected) <= expected * 1e-9 + 1e-6


@given(policies, attempts, rolls)
def test_one_loss_costs_five_seconds_at_most(retry: Retry, attempt: int, roll: float) -> None:
    assert 0 <= after_loss(1, retry, attempt, roll=roll) <= min(FIRST_LOSS_SECONDS, retry.max_seconds)


@given(policies, st.integers(min_value=2, max_value=100), attempts, rolls)
def test_losses_in_a_row_wait_as_the_policy_says(
    retry: Retry, losses: int, attempt: int, roll: float
) -> None:
    assert after_loss(losses, retry, attempt, roll=roll) == delay(retry, attempt, roll=roll)


@given(policies, attempts, rolls, st.floats(min_value=0, max_value=1e12))
def test_retry_after_is_kept_within_the_bounds(retry: Retry, attempt: int, roll: float, asked: float) -> None:
    computed = delay(retry, attempt, roll=roll)
    waited = honour(retry, computed, asked)
    assert computed <= waited <= retry.max_seconds
    assume(asked <= retry.max_seconds)
    assert waited >= asked
