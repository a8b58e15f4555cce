"""SIGSTOP of a scheduler past its leases, then SIGCONT: what comes back to life can change nothing."""

import pytest

from tests.e2e.fleet import Fleet
from tests.e2e.freezing import Moment, reach
from tests.e2e.proxy import Proxy
from tests.e2e.work import Work


@pytest.mark.promise(5)
@pytest.mark.parametrize("moment", list(Moment))
async def test_a_replica_frozen_past_its_lease_rewrites_nothing_when_it_wakes(
    fleet: Fleet, work: Work, moment: Moment
) -> None:
    async with Proxy(fleet.dsn) as proxy, fleet.reaper(), fleet.scheduler(dsn=proxy.dsn) as frozen:
        await work.beating(frozen)
        go_on = await reach(moment, work, proxy, frozen)
        await work.freeze(frozen, in_flight=moment is not Moment.AFTER_THE_SETTLE)
        async with fleet.scheduler():
            await work.ended()
            await work.look()
            await work.expired(frozen)
        go_on()
        frozen.resume()
        await work.settled_by(frozen)
        await work.beating(frozen)
        await work.submit()
        await work.ended()
    report = await work.check()
    assert report.duplicates == moment.duplicates
    assert report.fenced == (moment is not Moment.AFTER_THE_SETTLE)
