"""The database's clock as a replica estimates it: never ahead of the truth."""

import pytest

from core.clock import DatabaseClock, boottime


class Local:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def local() -> Local:
    return Local()


@pytest.fixture
def clock(local: Local) -> DatabaseClock:
    return DatabaseClock(local)


def test_it_cannot_be_asked_before_it_was_read(clock: DatabaseClock) -> None:
    with pytest.raises(RuntimeError):
        clock.now()


def test_it_moves_on_with_the_local_clock(clock: DatabaseClock, local: Local) -> None:
    clock.observe(5000.0)
    local.now += 3
    assert clock.now() == 5003.0
    assert clock.local(5004.0) == local.now + 1


@pytest.mark.promise(6)
def test_of_slow_and_fast_answers_the_fastest_counts(clock: DatabaseClock, local: Local) -> None:
    for transit in (0.5, 0.001, 0.9):
        local.now += 0.1
        clock.observe(5000.0 + local.now - transit)
    assert clock.now() == pytest.approx(5000.0 + local.now - 0.001)


@pytest.mark.promise(6)
def test_a_fast_local_clock_cannot_carry_old_samples_past_the_truth(
    clock: DatabaseClock, local: Local
) -> None:
    """A replica is full for an hour and takes no sample, while its clock gains 100 ms."""
    clock.observe(5000.0)
    local.now += 3600.1
    clock.observe(8600.0)
    assert clock.now() == pytest.approx(8600.0)


@pytest.mark.promise(6)
def test_a_database_whose_clock_was_set_back_is_believed_within_seconds(
    clock: DatabaseClock, local: Local
) -> None:
    clock.observe(5000.0)
    for _ in range(11):
        local.now += 1
        clock.observe(4000.0 + local.now)
    assert clock.now() == pytest.approx(4000.0 + local.now)


def test_a_suspended_machine_believes_the_first_sample_after_it(clock: DatabaseClock) -> None:
    clock.observe(5000.0)
    clock.observe(8600.0)
    assert clock.now() == 8600.0


def test_boottime_does_not_go_back() -> None:
    first = boottime()
    assert boottime() >= first
