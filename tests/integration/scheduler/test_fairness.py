"""Who is served first: tenants in turn, their queues in turn, and within a queue by priority and age."""

from typing import Any
from uuid import uuid4

import pytest

from core.db import Database
from core.jobs import store as jobs
from core.jobs.model import Survey
from core.jobs.statements import RANK_SPAN_SECONDS
from tests.integration.scheduler.rig import add, rig
from tests.jobs import Tenant, make_tenant
from tests.unit.scheduler.fakes import FakeClock, response


@pytest.mark.promise(8)
async def test_a_storm_of_one_tenant_does_not_keep_another_from_the_next_round(
    database: Database, tenant: Tenant
) -> None:
    other = await make_tenant(database)
    for _ in range(10):
        await add(database, tenant, 1000)
    replica = await rig(database, concurrency=20)
    await replica.rounds.once()
    await replica.settle()
    [lone] = await add(database, other)
    await replica.rounds.once()
    assert lone in {flight.lease.job_id for flight in replica.flights}
    await replica.settle()


@pytest.mark.promise(8)
async def test_with_one_slot_every_tenant_is_served_in_its_turn(database: Database) -> None:
    tenants = [await make_tenant(database) for _ in range(4)]
    for each in tenants:
        await add(database, each, 5)
    replica = await rig(database, concurrency=1)
    served = []
    for _ in range(4):
        await replica.rounds.once()
        served += [flight.lease.tenant_id for flight in replica.flights]
        await replica.settle()
    assert sorted(served) == sorted(each.id for each in tenants)


async def test_with_one_slot_jobs_start_in_the_order_of_their_priority(
    database: Database, tenant: Tenant
) -> None:
    made = {priority: (await add(database, tenant, priority=priority))[0] for priority in (0, 50, 100, 75)}
    replica = await rig(database, concurrency=1)
    await replica.work()
    assert replica.sent() == [made[priority] for priority in (100, 75, 50, 0)]


async def test_equal_jobs_start_in_the_order_of_their_creation(database: Database, tenant: Tenant) -> None:
    made = [(await add(database, tenant))[0] for _ in range(20)]
    replica = await rig(database, concurrency=1)
    await replica.work()
    assert replica.sent() == made


async def test_a_retry_keeps_its_priority(database: Database, tenant: Tenant) -> None:
    [high] = await add(database, tenant, priority=100)
    replica = await rig(database, concurrency=1)
    replica.sender.reply = response(503)
    await replica.rounds.once()
    await replica.settle()
    low = await add(database, tenant, 3, priority=0)
    async with database.raw() as db:
        await db.execute("UPDATE timers SET due_at = now()")
    replica.sender.reply = response(200)
    await replica.work()
    assert replica.sent() == [high, high, *low]


async def test_a_critical_job_that_is_not_due_does_not_hold_up_a_low_one(
    database: Database, tenant: Tenant
) -> None:
    await add(database, tenant, priority=100, delay_seconds=30.0)
    [low] = await add(database, tenant, priority=0)
    replica = await rig(database, concurrency=1)
    await replica.work()
    assert replica.sent() == [low]


async def test_a_low_job_starts_although_critical_ones_keep_coming(
    database: Database, tenant: Tenant
) -> None:
    """Aging: one point of priority is three seconds, so after five minutes it is first."""
    [low] = await add(database, tenant, priority=0)
    async with database.raw() as db:
        await db.execute("UPDATE ready SET rank_at = rank_at - interval '301 s'")
    await add(database, tenant, 50, priority=100)
    replica = await rig(database, concurrency=1)
    await replica.rounds.once()
    assert [flight.lease.job_id for flight in replica.flights] == [low]
    await replica.settle()


async def test_a_low_job_starts_when_its_age_outweighs_a_stream_of_critical_ones_that_never_ends(
    database: Database, tenant: Tenant
) -> None:
    """Every turn is ten seconds, has room for one job, and brings another critical one."""
    clock = FakeClock()
    replica = await rig(database, concurrency=1, resting=clock)
    [low] = await add(database, tenant, priority=0)
    turns = 0
    while low not in replica.sent() and turns < 50:
        await add(database, tenant, 1 if turns else 2, priority=100)
        await replica.rounds.once()
        await replica.settle()
        await age(database, 10)
        clock.now += 10
        turns += 1
    assert RANK_SPAN_SECONDS / 10 < turns <= RANK_SPAN_SECONDS / 10 + 2


async def age(database: Database, seconds: float) -> None:
    """As if what waits had become due earlier by so much."""
    async with database.raw() as db:
        await db.execute(
            """UPDATE ready SET rank_at = rank_at - $1 * interval '1 second',
                                due_at = due_at - $1 * interval '1 second'""",
            seconds,
        )


async def test_a_paused_queue_rests_and_another_goes_on(database: Database, tenant: Tenant) -> None:
    other = await make_tenant(database)
    await add(database, tenant, 3)
    await add(database, tenant, 3, delay_seconds=0.3)
    [going] = await add(database, other)
    async with database.raw() as db:
        await db.execute("UPDATE queues SET paused = true WHERE id = $1", tenant.queue_id)
    replica = await rig(database)
    await replica.work()
    assert replica.sent() == [going]


async def test_a_backlog_of_timers_is_planned_oldest_first(database: Database, tenant: Tenant) -> None:
    made = await add(database, tenant, 30, delay_seconds=60.0)
    async with database.raw() as db:
        for age, job in enumerate(made):
            await db.execute(
                "UPDATE timers SET due_at = now() - $2 * interval '1 second' WHERE job_id = $1", job, age
            )
    replica = await rig(database, concurrency=1)
    await replica.work()
    assert replica.sent() == made[::-1]


@pytest.mark.promise(8)
async def test_a_tenants_broken_secret_holds_up_nobody_else(database: Database, tenant: Tenant) -> None:
    broken = await make_tenant(database)
    async with database.raw() as db:
        await db.execute(
            "INSERT INTO signing_secrets (id, tenant_id, sealed) VALUES ($1, $2, $3)",
            uuid4(),
            broken.id,
            b"junk",
        )
    await add(database, broken)
    made = await add(database, tenant, 3)
    replica = await rig(database)
    assert await replica.rounds.once() == 4
    await replica.settle()
    assert sorted(replica.sent()) == sorted(made)
    async with database.raw() as db:
        assert (
            await db.fetchval("SELECT error_code FROM attempts WHERE outcome = 'failed'") == "internal_error"
        )


@pytest.mark.promise(8)
async def test_more_queues_than_a_survey_names_are_all_served(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first queues always have work; those behind them must come in their turn too."""
    monkeypatch.setattr(jobs, "_LANES", 4)
    tenants = [await make_tenant(database) for _ in range(10)]
    for each in tenants:
        await add(database, each, 12)
    replica = await rig(database, concurrency=4)
    for _ in range(6):
        await replica.rounds.once()
        await replica.settle()
    async with database.raw() as db:
        served = await db.fetchval("SELECT count(DISTINCT tenant_id) FROM endings")
    assert served == 10


async def test_a_survey_that_started_in_the_middle_and_found_nothing_is_no_reason_to_rest(
    database: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_LANES", 1)
    await add(database, tenant, 2)
    replica = await rig(database, concurrency=1)
    await replica.rounds.once()
    await replica.settle()
    assert await replica.rounds.once() == 0
    assert replica.rounds.pause() < 0.1
    assert await replica.rounds.once() == 1
    await replica.settle()


@pytest.mark.promise(8)
async def test_who_was_seen_is_served_before_anybody_is_looked_for_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenants = [await make_tenant(database) for _ in range(6)]
    for each in tenants:
        await add(database, each, 2)
    looks, survey = [], jobs.survey

    async def looking(*given: Any, look: bool, **named: Any) -> Survey:
        looks.append(look)
        return await survey(*given, look=look, **named)

    monkeypatch.setattr(jobs, "survey", looking)
    replica = await rig(database, concurrency=2)
    for _ in range(3):
        await replica.rounds.once()
        await replica.settle()
    async with database.raw() as db:
        assert await db.fetchval("SELECT count(DISTINCT tenant_id) FROM endings") == 6
    assert looks == [True, False, False]


async def test_who_was_emptied_by_others_is_not_waited_for(database: Database) -> None:
    """The look goes on where it was, then begins again, and none of it rests."""
    tenants = [await make_tenant(database) for _ in range(9)]
    for each in tenants:
        await add(database, each)
    replica = await rig(database, concurrency=2)
    await replica.rounds.once()
    served = {flight.lease.tenant_id for flight in replica.flights}
    await replica.settle()
    async with database.raw() as db:
        await db.execute("DELETE FROM ready")
    [late] = await add(database, next(each for each in tenants if each.id in served))
    for moved in (0, 0, 1):
        assert await replica.rounds.once() == moved
        assert moved or replica.rounds.pause() < 0.1
    await replica.settle()
    assert replica.sent()[-1] == late


@pytest.mark.promise(8)
async def test_who_waits_too_long_at_the_table_is_the_first_to_be_looked_for(database: Database) -> None:
    clock = FakeClock()
    tenants = [await make_tenant(database) for _ in range(5)]
    for each in tenants:
        await add(database, each, 2)
    replica = await rig(database, concurrency=1, resting=clock)
    for _ in range(5):
        await replica.rounds.once()
        await replica.settle()
        clock.now += 2
    async with database.raw() as db:
        assert await db.fetchval("SELECT count(DISTINCT tenant_id) FROM endings") == 5
