"""Which limited lanes are asked, and when again."""

from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY

from core.jobs.limits import Claimed, Hold
from core.jobs.model import Lane
from scheduler.turnstile import Turnstile
from tests.unit.scheduler.fakes import FakeClock
from tests.unit.scheduler.fakes import lease as make_lease

TENANT = UUID(int=1)
A, B = Lane(UUID(int=2), TENANT, True), Lane(UUID(int=3), TENANT, True)
OTHER = Lane(UUID(int=4), UUID(int=5), True)
NOTHING = Claimed([], {})


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def lease(lane: Lane) -> Claimed:
    return Claimed([make_lease(queue_id=lane.queue_id, tenant_id=lane.tenant_id, lease_token=uuid4())], {})


def test_a_lane_that_gave_nothing_is_left_out_for_a_moment(clock: FakeClock) -> None:
    turnstile = Turnstile(now=clock)
    turnstile.took([A], NOTHING)
    assert turnstile.open([A, B], ()) == [B]
    assert turnstile.pause() == pytest.approx(0.1)
    clock.now += 0.1
    assert turnstile.open([A, B], ()) == [A, B]
    assert turnstile.pause() is None


def test_a_job_that_ended_opens_its_queue_and_those_of_its_tenant(clock: FakeClock) -> None:
    turnstile, claimed = Turnstile(now=clock), lease(A)
    tokens = {one.lease_token for one in claimed.leases}
    turnstile.took([A], claimed)
    turnstile.took([A, B, OTHER], NOTHING)
    assert turnstile.open([A, B, OTHER], tokens) == []
    assert set(turnstile.open([A, B, OTHER], ())) == {A, B}


def test_a_spent_rate_is_waited_for_whatever_ends(clock: FakeClock) -> None:
    turnstile, claimed = Turnstile(now=clock), lease(A)
    turnstile.took([A], Claimed(claimed.leases, {A.queue_id: 0.5}))
    assert turnstile.open([A], ()) == []
    clock.now += 0.5
    assert turnstile.open([A], ()) == [A]


def test_a_rate_is_asked_again_within_a_second_since_it_may_have_been_raised(clock: FakeClock) -> None:
    turnstile = Turnstile(now=clock)
    turnstile.took([A], Claimed([], {A.queue_id: 86_400.0}))
    assert turnstile.pause() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("claimed", "limit"), [(NOTHING, "concurrency"), (Claimed([], {A.queue_id: 0.5}), "rate")]
)
def test_a_limit_that_is_hit_is_counted_by_its_kind(clock: FakeClock, claimed: Claimed, limit: str) -> None:
    def counted() -> dict[str, float]:
        return {kind: shown(kind) for kind in ("concurrency", "rate")}

    def shown(kind: str) -> float:
        return REGISTRY.get_sample_value("noonmark_limited_total", {"limit": kind}) or 0.0

    before = counted()
    Turnstile(now=clock).took([A], claimed)
    assert counted() == before | {limit: before[limit] + 1}


def test_who_was_served_longest_ago_is_first(clock: FakeClock) -> None:
    turnstile = Turnstile(now=clock)
    clock.now += 1
    turnstile.took([A], lease(A))
    clock.now += 1
    turnstile.took([B], lease(B))
    assert turnstile.open([B, A], set(turnstile._held)) == [A, B]


@pytest.mark.parametrize(
    ("ahead", "burst", "taken", "pause"),
    [
        (0.0, 1, 0, 0.0),
        (0.0, 1, 1, 0.2),
        (0.1, 1, 0, 0.1),
        (0.0, 3, 2, 0.0),
        (0.0, 3, 3, 0.2),
        (0.6, 3, 0, 0.2),
    ],
)
def test_a_rate_allows_the_next_start_when_it_is_no_further_ahead_than_its_burst(
    ahead: float, burst: int, taken: int, pause: float
) -> None:
    assert Hold(TENANT, False, ahead, 0.2, burst).pause(taken) == pytest.approx(pause)
