"""A replica that may have lost its leases knows it before anybody tells it."""

import pytest

from scheduler.fence import Fence
from tests.unit.scheduler.fakes import FakeClock

TTL = 15.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def fence(clock: FakeClock) -> Fence:
    return Fence(ttl_seconds=TTL, now=clock)


def test_it_is_not_alive_before_its_first_beat(fence: Fence) -> None:
    assert not fence.alive()


def test_it_is_alive_after_a_beat(fence: Fence, clock: FakeClock) -> None:
    fence.beaten(clock())
    assert fence.alive()


def test_it_dies_before_the_row_in_the_database_can_expire(fence: Fence, clock: FakeClock) -> None:
    fence.beaten(clock())
    clock.now += TTL * 0.8
    assert not fence.alive()


def test_a_beat_counts_from_when_it_was_sent_not_from_its_answer(fence: Fence, clock: FakeClock) -> None:
    sent_at = clock()
    clock.now += TTL
    fence.beaten(sent_at)
    assert not fence.alive()


@pytest.mark.promise(7)
def test_a_suspended_machine_wakes_up_fenced(fence: Fence, clock: FakeClock) -> None:
    fence.beaten(clock())
    term = fence.term
    clock.now += 3600
    assert not fence.holds(term)


@pytest.mark.promise(7)
def test_a_beat_after_a_lapse_does_not_bring_back_the_leases_of_before(
    fence: Fence, clock: FakeClock
) -> None:
    fence.beaten(clock())
    term = fence.term
    clock.now += TTL
    fence.beaten(clock())
    assert (fence.alive(), fence.holds(term), fence.holds(fence.term)) == (True, False, True)


def test_a_beat_that_arrives_after_the_lapse_ends_the_term_even_if_it_was_sent_before(
    fence: Fence, clock: FakeClock
) -> None:
    fence.beaten(clock())
    term = fence.term
    clock.now += TTL * 0.7
    sent_at = clock()
    clock.now += TTL * 0.2
    fence.beaten(sent_at)
    assert (fence.alive(), fence.holds(term)) == (True, False)


def test_regular_beats_keep_the_term(fence: Fence, clock: FakeClock) -> None:
    fence.beaten(clock())
    term = fence.term
    for _ in range(100):
        clock.now += 3
        fence.beaten(clock())
    assert fence.holds(term)
