"""A replica's own clock decides nothing: ten minutes fast or slow, it does the same at the same time."""

import asyncio
import time
from collections.abc import Callable

import pytest

from core.clock import boottime
from core.db import Database
from reaper.leases import LeaseSweep
from tests.integration.scheduler.rig import TTL, Rig, add, rig, tally
from tests.jobs import Tenant
from tests.sent import headers_of

OFFSETS = [-600.0, 600.0]


@pytest.fixture(params=OFFSETS)
def skewed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[], float]:
    """The wall clock is off by ten minutes, and so is the clock that the parts were given."""
    offset: float = request.param
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + offset)
    return lambda: time.monotonic() + offset


async def delivered(replica: Rig) -> None:
    async with asyncio.timeout(10):
        while True:
            if await replica.rounds.once():
                break
            await asyncio.sleep(0.01)
    await replica.settle()


@pytest.mark.promise(6)
async def test_a_wrong_clock_fires_nothing_early_and_nothing_late(
    database: Database, tenant: Tenant, skewed: Callable[[], float]
) -> None:
    replica = await rig(database, local=skewed)
    await add(database, tenant, delay_seconds=0.3)
    await delivered(replica)
    async with database.raw() as db:
        late = await db.fetchval(
            """SELECT extract(epoch FROM a.started_at - j.fire_at)::float8
               FROM attempts a JOIN jobs j ON j.id = a.job_id"""
        )
    assert 0 <= late < 1.0


async def test_what_is_signed_carries_the_databases_time(
    database: Database, tenant: Tenant, skewed: Callable[[], float]
) -> None:
    replica = await rig(database, local=skewed)
    await add(database, tenant)
    await delivered(replica)
    async with database.raw() as db:
        now = await db.fetchval("SELECT extract(epoch FROM now())::float8")
    signed = int(dict(headers_of(replica.sender.requests[0]))["webhook-timestamp"])
    assert now - 5 < signed <= now


async def test_a_wrong_clock_neither_fences_nor_revives_a_replica(
    database: Database, skewed: Callable[[], float]
) -> None:
    replica = await rig(database, local=skewed)
    assert replica.fence.holds(replica.fence.term)


@pytest.mark.parametrize("offset", OFFSETS)
async def test_a_reaper_with_a_wrong_clock_takes_nothing_that_is_kept(
    database: Database, tenant: Tenant, offset: float
) -> None:
    replica = await rig(database)
    await add(database, tenant)
    replica.sender.go.clear()
    await replica.rounds.once()
    sweep = LeaseSweep(database, ttl_seconds=TTL, now=lambda: boottime() + offset)
    sweep._clear_since -= TTL
    sweep._seen_at = boottime() + offset
    assert await sweep.once() == 0
    assert await tally(database) == {"leases": 1}
    replica.sender.go.set()
    await replica.settle()
