"""Limits while schedulers are killed, frozen and added: exact all the time, and no slot is lost.

Two watch: the leases in the database, and the calls at the receiver. A dead replica's calls end with it and
its leases last longer, so there must not be more calls than leases are allowed either. Calls that a frozen
replica had under way are left out: they stay open although their jobs are somebody else's by then.
"""

import asyncio
import contextlib
import random
from collections.abc import Sequence
from typing import Any

import pytest

from tests.e2e.conftest import Tell
from tests.e2e.fleet import TTL_SECONDS, Fleet
from tests.e2e.gauge import WHOLE, Gauge, gauged
from tests.e2e.history import Fault
from tests.e2e.test_limits import most_at_once
from tests.e2e.work import Work

_RETRY: dict[str, Any] = {"max_attempts": 20}
_FAULTS = 30
_QUICK = {"NOONMARK_BEAT_SECONDS": "0.3", "NOONMARK_LEASE_TTL_SECONDS": "0.9"}
_REAPED_SECONDS = TTL_SECONDS + 8.0
_AT_ONCE_SECONDS = 2.0


@pytest.mark.promise(8)
async def test_limits_are_exact_while_a_replica_is_killed_another_frozen_and_a_third_added(
    fleet: Fleet, work: Work
) -> None:
    two_slots = {"NOONMARK_CONCURRENCY": "2"}
    async with gauged(work, 2, whole=3) as gauge, fleet.crew(3, settings=two_slots) as crew:
        [limited] = gauge.queues
        await work.submit(8, orders="hold=1&after=0.05", queue=limited, retry=_RETRY)
        await work.submit(8, orders="hold=1&after=0.05", retry=_RETRY)
        await gauge.full(within=15)
        doomed, frozen = (await gauge.holders(crew))[:2]
        freeze = await work.strike("freeze", frozen)
        await work.kill(doomed)
        async with fleet.scheduler(settings=two_slots):
            await gauge.full(but=[doomed, frozen], within=_REAPED_SECONDS)
            await work.expired(frozen)
            frozen.resume()
            await work.beating(frozen)
            fleet.release(work.group)
            await work.ended()
            await work.submit(5, orders="after=0.5", queue=limited)
            await gauge.full(limited, within=_AT_ONCE_SECONDS)
            await work.ended()
    _judge(work, gauge, [freeze])
    await work.check()


@pytest.mark.heavy
@pytest.mark.timeout(200)
@pytest.mark.promise(8)
async def test_limits_are_exact_through_thirty_kills_and_freezes(
    fleet: Fleet, work: Work, chance: random.Random, tell: Tell
) -> None:
    freezes: list[Fault] = []
    async with (
        gauged(work, 1, 2, 4, whole=6) as gauge,
        fleet.crew(4, reapers=2, settings=_QUICK) as crew,
        contextlib.AsyncExitStack() as stack,
    ):
        asking = asyncio.create_task(_ask(work, gauge, chance))
        for number in range(_FAULTS):
            await work.elapsed(chance.uniform(0.2, 1.0))
            struck = crew.pop(chance.randrange(len(crew)))
            if number % 2:
                await work.kill(struck, sure=False)
                crew.append(await stack.enter_async_context(fleet.scheduler(settings=_QUICK)))
            else:
                freezes.append(await work.strike("freeze", struck, sure=False))
                await work.elapsed(chance.uniform(0.1, 2.5))
                struck.resume()
                crew.append(struck)
        await asking
        await work.ended(within=90)
        for name in gauge.queues:
            await work.submit(3 * gauge.limits[name], orders="after=0.5", queue=name)
        for name in gauge.limits:
            await gauge.full(name, within=_AT_ONCE_SECONDS)
        await work.ended()
    tell(f"{_FAULTS} faults, {gauge.looks} looks, at most {dict(gauge.most)}: {await work.check()}")
    _judge(work, gauge, freezes)


async def _ask(work: Work, gauge: Gauge, chance: random.Random) -> None:
    """More for each limited queue than it may have, all the time, and some for a queue without a limit."""
    for _ in range(_FAULTS * 2):
        for name in [*gauge.queues, "default"]:
            orders = chance.choice(["", "after=0.05", "after=0.2"])
            await work.submit(2, orders=orders, queue=name, retry=_RETRY)
        await work.elapsed(0.4)


def _judge(work: Work, gauge: Gauge, freezes: Sequence[Fault]) -> None:
    """Every limit was reached, by leases and by calls, and none was passed."""
    assert gauge.looks > 100
    assert {name: gauge.most[name] for name in gauge.limits} == gauge.limits
    struck = {each for fault in freezes for each in fault.in_flight}
    assert most_at_once(work, without=struck) == gauge.limits[WHOLE]
