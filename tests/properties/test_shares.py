"""Whatever tenants, queues and slots there are, the deal is fair and complete."""

from collections import Counter
from collections.abc import Mapping
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.jobs.model import Lane
from scheduler.shares import Table, share

tables = st.lists(st.integers(min_value=1, max_value=5), min_size=1, max_size=12)
"""How many queues each tenant has."""

slots = st.integers(min_value=0, max_value=300)
starts = st.integers(min_value=0, max_value=10_000)


def lanes_of(table: list[int]) -> list[Lane]:
    numbers = iter(range(1, 1000))
    return [Lane(UUID(int=next(numbers)), UUID(int=t)) for t, n in enumerate(table) for _ in range(n)]


def by_tenant(lanes: list[Lane], quotas: Mapping[Lane, int]) -> Counter[UUID]:
    counted = Counter({lane.tenant_id: 0 for lane in lanes})
    for lane, quota in quotas.items():
        counted[lane.tenant_id] += quota
    return counted


@given(tables, slots, starts)
def test_every_slot_is_dealt_and_no_more(table: list[int], count: int, start: int) -> None:
    quotas = share(lanes_of(table), count, start=start)
    assert sum(quotas.values()) == count
    assert all(quota > 0 for quota in quotas.values())


@pytest.mark.promise(8)
@given(tables, slots, starts)
def test_every_tenant_gets_its_share_to_within_one_slot(table: list[int], count: int, start: int) -> None:
    lanes = lanes_of(table)
    counted = by_tenant(lanes, share(lanes, count, start=start))
    floor = count // len(table)
    assert all(floor <= got <= floor + 1 for got in counted.values())


@pytest.mark.promise(8)
@given(tables, st.lists(st.integers(min_value=1, max_value=40), min_size=1), starts)
def test_rounds_of_any_size_serve_tenants_and_their_queues_evenly(
    table: list[int], rounds: list[int], start: int
) -> None:
    lanes, served = lanes_of(table), Counter[Lane]()
    for count in rounds:
        served.update(share(lanes, count, start=start))
        start += count
    tenants = by_tenant(lanes, served)
    assert max(tenants.values()) - min(tenants.values()) <= 1
    for tenant in tenants:
        own = [served[lane] for lane in lanes if lane.tenant_id == tenant]
        assert max(own) - min(own) <= 1


@pytest.mark.promise(8)
@given(tables, st.lists(st.integers(min_value=0, max_value=40), min_size=1))
def test_nobody_is_served_twice_before_all_who_were_seen_are_served(
    table: list[int], rounds: list[int]
) -> None:
    lanes, seats = lanes_of(table), Table()
    seats.seat(lanes)
    served = Counter[Lane]()
    for count in rounds:
        waiting = len(seats)
        quotas = seats.deal(count)
        served.update(quotas)
        assert sum(quotas.values()) == (count if waiting else 0)
        tenants = by_tenant(lanes, served)
        assert count >= waiting or max(tenants.values()) <= 1
        assert len(seats) == sum(not got for got in tenants.values())
