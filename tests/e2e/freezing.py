"""The moments of an attempt at which a replica can be caught from outside, and how it is brought there."""

from collections.abc import Awaitable, Callable
from enum import Enum, auto

from tests.e2e.processes import Process
from tests.e2e.proxy import Point, Proxy, Where
from tests.e2e.work import Work

SETTLE = "INSERT INTO attempts"
CLAIM = "INSERT INTO leases"
BEAT = "INSERT INTO replicas"


class Moment(Enum):
    """Where a replica is when it is frozen."""

    BEFORE_THE_CALL = auto()
    """The job is claimed ahead, its instant has not come."""
    DURING_THE_CALL = auto()
    """The target holds the call, and answers before the replica wakes."""
    BEFORE_THE_SETTLE = auto()
    """The target has answered; the settle is on its way, and arrives before the replica wakes."""
    AFTER_THE_SETTLE = auto()
    """The settle is committed, the replica does not know."""
    IN_THE_BEAT = auto()
    """The target holds the call; a beat is on its way, and arrives after the lease was taken."""

    @property
    def duplicates(self) -> int:
        """How many deliveries a freeze here must cost: the target may have done its work."""
        return 0 if self in (Moment.BEFORE_THE_CALL, Moment.AFTER_THE_SETTLE) else 1


async def reach(moment: Moment, work: Work, proxy: Proxy, replica: Process) -> Callable[[], None]:
    """Have a job brought to this moment by the only replica that runs; returns what lets the world go on."""
    return await _WAYS[moment](work, proxy, replica)


async def _before_the_call(work: Work, _proxy: Proxy, replica: Process) -> Callable[[], None]:
    await work.submit(delay_seconds=1.2)
    await work.leased(1, process=replica)
    return _nothing


async def _during_the_call(work: Work, _proxy: Proxy, _replica: Process) -> Callable[[], None]:
    await work.submit(orders="hold=1")
    await work.arrived()
    return lambda: work.fleet.release(work.group)


async def _before_the_settle(work: Work, proxy: Proxy, _replica: Process) -> Callable[[], None]:
    return await _at(proxy.point(SETTLE, Where.BEFORE), work)


async def _after_the_settle(work: Work, proxy: Proxy, _replica: Process) -> Callable[[], None]:
    return await _at(proxy.point(SETTLE, Where.AFTER), work)


async def _in_the_beat(work: Work, proxy: Proxy, _replica: Process) -> Callable[[], None]:
    await work.submit(orders="hold=1")
    await work.arrived()
    beating = proxy.point(BEAT, Where.BEFORE)
    await beating.stopped()
    return beating.release


async def _at(point: Point, work: Work) -> Callable[[], None]:
    await work.submit()
    await point.stopped()
    return point.release


def _nothing() -> None:
    return None


_WAYS: dict[Moment, Callable[[Work, Proxy, Process], Awaitable[Callable[[], None]]]] = {
    Moment.BEFORE_THE_CALL: _before_the_call,
    Moment.DURING_THE_CALL: _during_the_call,
    Moment.BEFORE_THE_SETTLE: _before_the_settle,
    Moment.AFTER_THE_SETTLE: _after_the_settle,
    Moment.IN_THE_BEAT: _in_the_beat,
}
