"""Slots are dealt fairly, and the deal goes on where it stopped."""

from uuid import UUID

import pytest

from core.jobs.model import Lane
from scheduler.shares import share


def lane(tenant: int, queue: int) -> Lane:
    return Lane(UUID(int=queue), UUID(int=tenant))


def queue(number: int) -> UUID:
    return UUID(int=number)


def test_one_queue_gets_everything() -> None:
    assert share([lane(1, 1)], 7, start=0) == {queue(1): 7}


def test_two_tenants_get_half_each() -> None:
    assert share([lane(1, 1), lane(2, 2)], 8, start=0) == {queue(1): 4, queue(2): 4}


@pytest.mark.promise(8)
def test_a_tenant_with_many_queues_gets_no_more_than_another() -> None:
    lanes = [*(lane(1, number) for number in range(1, 5)), lane(2, 9)]
    assert share(lanes, 8, start=0) == {queue(1): 1, queue(2): 1, queue(3): 1, queue(4): 1, queue(9): 4}


def test_what_does_not_divide_goes_round() -> None:
    lanes = [lane(1, 1), lane(2, 2), lane(3, 3)]
    assert share(lanes, 4, start=0) == {queue(1): 2, queue(2): 1, queue(3): 1}
    assert share(lanes, 4, start=4) == {queue(1): 1, queue(2): 2, queue(3): 1}


@pytest.mark.promise(8)
def test_one_slot_serves_every_queue_of_every_tenant_in_turn() -> None:
    lanes = [lane(1, 1), lane(1, 2), lane(2, 3), lane(2, 4)]
    served = [next(iter(share(lanes, 1, start=turn))) for turn in range(4)]
    assert sorted(served) == [queue(1), queue(2), queue(3), queue(4)]


def test_no_slots_serve_nobody() -> None:
    assert share([lane(1, 1)], 0, start=3) == {}
