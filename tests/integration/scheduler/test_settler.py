"""Results are written in batches and once each, whatever they hold and whenever the database goes away."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest
from prometheus_client import REGISTRY

from core import metrics
from core.db import Database, is_outage
from core.jobs import store as jobs
from core.jobs.model import Fate, Outcome, Settled, Settlement
from scheduler.flights import Phase
from scheduler.settler import settle
from tests.integration.scheduler.rig import Rig, add, count, rig, tally
from tests.jobs import Tenant, settlement

POISON = {
    "a NUL in the error's text": {"error_message": "a\0b"},
    "a lone surrogate in the error's text": {"error_message": "\ud800"},
    "a status that is no number of the protocol": {"status": 1_000_000},
    "more bytes than a number holds": {"bytes_sent": 2**40},
}


async def held(replica: Rig, tenant: Tenant, number: int) -> None:
    """So many leases in the book, none of them started."""
    await add(replica.database, tenant, number)
    async with replica.database.raw() as db:
        leases = await jobs.claim(db, [(tenant.queue_id, number, None)], replica=replica.replica.id)
    replica.dispatcher.hold(leases, term=replica.fence.term)


def put_all(replica: Rig, outcome: Outcome | None = Outcome.SUCCEEDED, **given: Any) -> None:
    for flight in replica.flights:
        if flight.phase is not Phase.SETTLING:
            flight.started = asyncio.get_running_loop().time()
            replica.settler.put(flight, settlement(flight.lease, outcome, **given))


async def test_what_gathered_is_written_by_one_statement(
    database: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = await rig(database, concurrency=600)
    await held(replica, tenant, 510)
    sizes: list[int] = []
    real = jobs.settle

    async def counting(db: Any, rows: list[Settlement]) -> list[Settled]:
        sizes.append(len(rows))
        return await real(db, rows)

    monkeypatch.setattr(jobs, "settle", counting)
    put_all(replica)
    assert [await replica.settler.once() for _ in range(3)] == [500, 10, 0]
    assert (sizes, len(replica.flights)) == ([500, 10], 0)


async def test_how_late_attempts_were_claimed_and_written_is_counted_once_they_are_settled(
    database: Database, tenant: Tenant
) -> None:
    def sums() -> list[float]:
        names = ("claim_lateness", "first_byte", "attempt_duration")
        return [REGISTRY.get_sample_value(f"noonmark_{name}_seconds_sum") or 0.0 for name in names]

    replica = await rig(database)
    await held(replica, tenant, 1)
    [flight] = replica.flights
    flight.late, flight.claimed, flight.started, flight.written = 3.0, 100.0, 101.0, 101.5
    before = sums()
    replica.settler.put(flight, settlement(flight.lease, duration=0.25))
    await replica.settler.once()
    assert [after - was for was, after in zip(before, sums(), strict=True)] == pytest.approx([2.0, 3.5, 0.25])


async def test_results_that_come_during_a_write_wait_for_the_next(
    database: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = await rig(database)
    await held(replica, tenant, 2)
    first, second = replica.flights
    real = jobs.settle

    async def slow(db: Any, rows: list[Settlement]) -> list[Settled]:
        if not len(replica.settler) > 1:
            replica.settler.put(second, settlement(second.lease))
        return await real(db, rows)

    monkeypatch.setattr(jobs, "settle", slow)
    replica.settler.put(first, settlement(first.lease))
    assert [await replica.settler.once(), await replica.settler.once()] == [1, 1]
    assert await tally(database) == {"endings": 2}


@pytest.mark.promise(2)
async def test_an_outage_keeps_the_batch_and_the_next_try_carries_the_same_fence(
    database: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = await rig(database)
    await held(replica, tenant, 5)
    tokens: list[list[UUID]] = []
    real = jobs.settle

    async def away_once(db: Any, rows: list[Settlement]) -> list[Settled]:
        tokens.append([row.lease_token for row in rows])
        if len(tokens) == 1:
            raise asyncpg.ConnectionDoesNotExistError("gone")
        return await real(db, rows)

    monkeypatch.setattr(jobs, "settle", away_once)
    put_all(replica)
    with pytest.raises(asyncpg.ConnectionDoesNotExistError):
        await replica.settler.once()
    assert (len(replica.settler), len(replica.flights)) == (5, 5)
    assert await replica.settler.once() == 5
    assert tokens[0] == tokens[1]
    assert await tally(database) == {"endings": 5}


@pytest.mark.promise(2)
async def test_a_batch_that_was_applied_although_the_answer_was_lost_is_not_applied_again(
    database: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = await rig(database)
    await held(replica, tenant, 5)
    real = jobs.settle
    lost: list[int] = []

    async def answer_lost_once(db: Any, rows: list[Settlement]) -> list[Settled]:
        answers = await real(db, rows)
        if not lost:
            lost.append(1)
            raise asyncpg.ConnectionDoesNotExistError("gone")
        assert {answer.fate for answer in answers} == {Fate.REPEATED}
        return answers

    monkeypatch.setattr(jobs, "settle", answer_lost_once)
    put_all(replica)
    with pytest.raises(asyncpg.ConnectionDoesNotExistError):
        await replica.settler.once()
    assert await replica.settler.once() == 5
    async with database.raw() as db:
        assert (await count(db, "endings"), await count(db, "attempts")) == (5, 5)


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
async def test_a_row_the_database_refuses_is_found_and_the_others_are_written(
    database: Database, tenant: Tenant, poison: dict[str, Any]
) -> None:
    replica = await rig(database)
    await held(replica, tenant, 13)
    flights = list(replica.flights)
    for number, flight in enumerate(flights):
        given = poison if number == 7 else {"status": 200}
        replica.settler.put(flight, settlement(flight.lease, **given))
    assert await replica.settler.once() == 13
    async with database.raw() as db:
        rows = await db.fetch("SELECT job_id, error_code FROM attempts WHERE error_code IS NOT NULL")
        assert [tuple(row) for row in rows] == [(flights[7].lease.job_id, "internal_error")]
        assert await db.fetchval("SELECT count(*) FROM endings WHERE state = 'succeeded'") == 13


async def test_a_row_that_is_refused_even_bare_holds_up_nobody(database: Database, tenant: Tenant) -> None:
    """It cannot happen, so nothing is known about how: here the job had ended behind its lease's back."""
    replica = await rig(database)
    await held(replica, tenant, 4)
    broken = next(iter(replica.flights))
    async with database.raw() as db:
        await db.execute(
            """INSERT INTO endings (job_id, tenant_id, state, attempts, finished_at)
               VALUES ($1, $2, 'cancelled', 0, now())""",
            broken.lease.job_id, tenant.id,
        )  # fmt: skip
    put_all(replica)
    assert [await replica.settler.once(), await replica.settler.once()] == [4, 0]
    assert [flight.lease.job_id for flight in replica.flights] == [broken.lease.job_id]
    async with database.raw() as db:
        state = await db.fetchval("SELECT state FROM endings WHERE job_id = $1", broken.lease.job_id)
    assert state == "cancelled"


@pytest.mark.promise(5)
async def test_a_result_of_a_lost_lease_is_dropped_and_counted(database: Database, tenant: Tenant) -> None:
    replica = await rig(database)
    await held(replica, tenant, 1)
    before = metrics.fenced._value.get()
    [flight] = replica.flights
    async with database.raw() as db:
        await jobs.settle(db, [settlement(flight.lease, Outcome.LOST, retry_seconds=0.0)])
    put_all(replica)
    await replica.settler.once()
    assert (metrics.fenced._value.get(), len(replica.flights)) == (before + 1, 0)
    assert await tally(database) == {"timers": 1}


@pytest.mark.promise(5)
async def test_a_repeated_result_is_told_apart_from_a_fenced_one(database: Database, tenant: Tenant) -> None:
    replica = await rig(database)
    await held(replica, tenant, 1)
    [flight] = replica.flights
    async with database.raw() as db:
        [first] = await settle(db, [settlement(flight.lease)])
        [again] = await settle(db, [settlement(flight.lease)])
        [late] = await settle(db, [settlement(flight.lease, Outcome.FAILED, retry_seconds=1.0)])
    assert [first.fate, again.fate, late.fate] == [Fate.SUCCEEDED, Fate.REPEATED, Fate.FENCED]


async def test_a_retried_job_is_announced_with_its_instant(database: Database, tenant: Tenant) -> None:
    replica = await rig(database)
    await held(replica, tenant, 1)
    put_all(replica, Outcome.FAILED, retry_seconds=1.5)
    await replica.settler.once()
    async with database.raw() as db:
        due = await db.fetchval("SELECT extract(epoch FROM due_at)::float8 FROM timers")
    assert replica.due == [due]


async def test_the_start_of_an_attempt_is_told_by_the_databases_clock(
    database: Database, tenant: Tenant
) -> None:
    """The result waited ten seconds to be written; the attempt is as old as it is."""
    replica = await rig(database)
    await held(replica, tenant, 1)
    [flight] = replica.flights
    flight.started = asyncio.get_running_loop().time() - 12.0
    replica.settler.put(flight, msgspec.structs.replace(settlement(flight.lease), duration=2.0))
    await replica.settler.once()
    async with database.raw() as db:
        row = await db.fetchrow(
            """SELECT extract(epoch FROM now() - started_at)::float8,
                      extract(epoch FROM finished_at - started_at)::float8 FROM attempts"""
        )
    assert 12.0 <= row[0] < 13.0
    assert row[1] == pytest.approx(2.0, abs=0.001)


@pytest.mark.promise(2)
async def test_results_survive_every_connection_being_cut(
    database: Database, tenant: Tenant, database_url: str
) -> None:
    replica = await rig(database)
    await held(replica, tenant, 20)
    put_all(replica)
    killer = await asyncpg.connect(database_url)
    await killer.execute(
        """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE datname = current_database() AND pid <> pg_backend_pid()"""
    )
    await killer.close()
    written = 0
    while written < 20:
        try:
            written += await replica.settler.once()
        except Exception as error:
            # The loop around it repeats a pass after any of these, and nothing else may come.
            if not is_outage(error):
                raise
    assert await tally(database) == {"endings": 20}
