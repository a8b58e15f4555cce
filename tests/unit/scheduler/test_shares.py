"""Slots are dealt fairly, and the deal goes on where it stopped."""

from uuid import UUID

import pytest

from core.jobs.model import Lane
from scheduler.shares import Table, share


def lane(tenant: int, queue: int) -> Lane:
    return Lane(UUID(int=queue), UUID(int=tenant))


def test_one_queue_gets_everything() -> None:
    assert share([lane(1, 1)], 7, start=0) == {lane(1, 1): 7}


def test_two_tenants_get_half_each() -> None:
    assert share([lane(1, 1), lane(2, 2)], 8, start=0) == {lane(1, 1): 4, lane(2, 2): 4}


@pytest.mark.promise(8)
def test_a_tenant_with_many_queues_gets_no_more_than_another() -> None:
    lanes = [*(lane(1, number) for number in range(1, 5)), lane(2, 9)]
    assert share(lanes, 8, start=0) == {
        lane(1, 1): 1,
        lane(1, 2): 1,
        lane(1, 3): 1,
        lane(1, 4): 1,
        lane(2, 9): 4,
    }


def test_what_does_not_divide_goes_round() -> None:
    lanes = [lane(1, 1), lane(2, 2), lane(3, 3)]
    assert share(lanes, 4, start=0) == {lane(1, 1): 2, lane(2, 2): 1, lane(3, 3): 1}
    assert share(lanes, 4, start=4) == {lane(1, 1): 1, lane(2, 2): 2, lane(3, 3): 1}


@pytest.mark.promise(8)
def test_one_slot_serves_every_queue_of_every_tenant_in_turn() -> None:
    lanes = [lane(1, 1), lane(1, 2), lane(2, 3), lane(2, 4)]
    served = [next(iter(share(lanes, 1, start=turn))) for turn in range(4)]
    assert {lane.queue_id for lane in served} == {UUID(int=number) for number in range(1, 5)}


def test_no_slots_serve_nobody() -> None:
    assert share([lane(1, 1)], 0, start=3) == {}


@pytest.mark.promise(8)
def test_who_got_no_slot_keeps_the_seat_for_the_next_round() -> None:
    table = Table()
    table.seat([lane(number, number) for number in range(1, 6)])
    assert [table.deal(2) for _ in range(3)] == [
        {lane(1, 1): 1, lane(2, 2): 1},
        {lane(3, 3): 1, lane(4, 4): 1},
        {lane(5, 5): 2},
    ]
    assert len(table) == 0


def test_who_comes_later_sits_behind_those_who_wait() -> None:
    table = Table()
    table.seat([lane(3, 3), lane(4, 4)])
    table.deal(1)
    table.seat([lane(1, 1), lane(4, 4)])
    assert [table.deal(1), table.deal(1)] == [{lane(4, 4): 1}, {lane(1, 1): 1}]


def test_a_tenants_queues_take_turns_from_one_time_around_to_the_next() -> None:
    table, served = Table(), []
    for _ in range(2):
        table.begin_around()
        table.seat([lane(1, 1), lane(1, 2), lane(2, 3)])
        served.append([table.deal(1), table.deal(1)][0])
    assert served == [{lane(1, 2): 1}, {lane(1, 1): 1}]


def test_leaving_tells_who_would_have_been_next() -> None:
    table = Table()
    table.seat([lane(1, 1), lane(2, 2), lane(3, 3)])
    table.deal(1)
    assert (table.leave(), table.leave()) == (lane(2, 2), None)


def test_no_slots_leave_everybody_at_the_table() -> None:
    table = Table()
    table.seat([lane(1, 1)])
    assert (table.deal(0), len(table)) == ({}, 1)
