"""Limits while schedulers are killed, frozen and added: exact all the time, and no slot is lost.

Two watch: the leases in the database, and the calls at the receiver. A dead replica's calls end with it and
its leases last longer, so there must not be more calls than leases are allowed either. Calls that a frozen
replica had under way are left out: they stay open although their jobs are somebody else's by then.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from tests.e2e.conftest import Tell
from tests.e2e.fleet import TTL_SECONDS, Fleet
from tests.e2e.gauge import WHOLE, Gauge, gauged
from tests.e2e.history import Fault
from tests.e2e.processes import Process
from tests.e2e.test_limits import most_at_once
from tests.e2e.work import Work

_RETRY: dict[str, Any] = {"max_attempts": 20}
_REAPED_SECONDS = TTL_SECONDS + 8.0
_AT_ONCE_SECONDS = 5.0
_FREEZE_SECONDS = [0.1 * TTL_SECONDS, 0.3 * TTL_SECONDS, 1.2 * TTL_SECONDS, 1.5 * TTL_SECONDS]


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
    async with gauged(work, 1, 2, 4, whole=6) as gauge, _crew(fleet) as crew:
        asking = asyncio.create_task(_ask(work, gauge, chance))
        freezes = await crew.suffer(work, chance, faults=30)
        await asking
        await work.ended(within=90)
        for name in gauge.queues:
            await work.submit(3 * gauge.limits[name], orders="after=0.5", queue=name)
        for name in gauge.limits:
            await gauge.full(name, within=_AT_ONCE_SECONDS)
        await work.ended()
    _judge(work, gauge, freezes)
    tell(f"{gauge.looks} looks, at most {dict(gauge.most)}: {await work.check()}")


@pytest.mark.heavy
@pytest.mark.timeout(200)
@pytest.mark.promise(8)
async def test_limits_are_exact_from_their_acknowledgement_on_while_replicas_are_killed_and_frozen(
    fleet: Fleet, work: Work, chance: random.Random, tell: Tell
) -> None:
    async with gauged(work, 1, 3) as gauge, _crew(fleet) as crew:
        suffering = asyncio.create_task(crew.suffer(work, chance, faults=25))
        while not suffering.done():
            name = chance.choice(gauge.queues)
            await gauge.change(name, None)
            await work.submit(6, orders="after=0.6", queue=name, retry=_RETRY)
            await work.elapsed(chance.uniform(0, 0.3))
            await gauge.change(name, chance.choice([1, 2, 4]))
            await work.submit(3, queue=name, retry=_RETRY)
            await work.elapsed(chance.uniform(0, 0.5))
        await suffering
        for name in gauge.queues:
            await gauge.change(name, 4)
        await work.ended(within=90)
        for name in gauge.queues:
            await work.submit(12, orders="after=0.5", queue=name)
        for name in gauge.queues:
            await gauge.full(name, within=_AT_ONCE_SECONDS)
        await work.ended()
    assert gauge.looks > 100
    assert gauge.passed == []
    tell(f"{gauge.looks} looks, at most {dict(gauge.most)}: {await work.check()}")


class _Crew:
    """Schedulers of which one at a time is killed and replaced, or frozen for a while."""

    def __init__(self, fleet: Fleet, members: list[Process], stack: contextlib.AsyncExitStack) -> None:
        self._fleet = fleet
        self._members = members
        self._stack = stack

    async def suffer(self, work: Work, chance: random.Random, *, faults: int) -> list[Fault]:
        """Half of the faults are freezes, much shorter or longer than a lease; those are handed out."""
        freezes = []
        for number in range(faults):
            await work.elapsed(chance.uniform(0.2, 1.0))
            struck = self._members.pop(chance.randrange(len(self._members)))
            if number % 2:
                await work.kill(struck, sure=False)
                struck = await self._stack.enter_async_context(self._fleet.scheduler())
            else:
                freezes.append(await work.strike("freeze", struck, sure=False))
                await work.elapsed(chance.choice(_FREEZE_SECONDS))
                struck.resume()
            self._members.append(struck)
        return freezes


@contextlib.asynccontextmanager
async def _crew(fleet: Fleet) -> AsyncIterator[_Crew]:
    async with fleet.crew(4, reapers=2) as members, contextlib.AsyncExitStack() as stack:
        yield _Crew(fleet, members, stack)


async def _ask(work: Work, gauge: Gauge, chance: random.Random) -> None:
    """More for each limited queue than it may have, all the time, and some for a queue without a limit."""
    for _ in range(60):
        for name in [*gauge.queues, "default"]:
            orders = chance.choice(["", "after=0.05", "after=0.3"])
            await work.submit(2, orders=orders, queue=name, retry=_RETRY)
        await work.elapsed(0.4)


def _judge(work: Work, gauge: Gauge, freezes: Sequence[Fault]) -> None:
    """Every limit was reached, by leases and by calls, and none was passed."""
    assert gauge.looks > 100
    assert gauge.passed == []
    assert {name: gauge.most[name] for name in gauge.limits} == gauge.limits
    struck = {each for fault in freezes for each in fault.in_flight}
    assert most_at_once(work, without=struck) == gauge.limits[WHOLE]
