"""The link dies around a statement: before it, in the middle, or after its commit. Nothing is ever torn.

Every round has a connection of its own, whose backend is ended at a random moment around the statement. What
the caller saw then says nothing; what the database says must be one of two whole states.
"""

import asyncio
import random
from collections import Counter
from typing import Any
from uuid import UUID, uuid4

import pytest

from core.db import Database, Raw, is_outage
from core.jobs import store as jobs
from core.jobs.model import Fate, Lease, Outcome
from tests.jobs import Tenant, make_job, make_tenant, settlement

ROUNDS = 200
_PLACES = """
SELECT array_remove(ARRAY[
  (SELECT 'timers' FROM timers WHERE job_id = $1), (SELECT 'ready' FROM ready WHERE job_id = $1),
  (SELECT 'leases' FROM leases WHERE job_id = $1), (SELECT 'endings' FROM endings WHERE job_id = $1)], NULL)
"""
_HISTORY = """
SELECT (SELECT array_agg(kind ORDER BY id) FROM history WHERE job_id = $1),
       (SELECT count(*) FROM attempts WHERE job_id = $1),
       (SELECT count(*) FROM dead_letters WHERE job_id = $1)
"""


@pytest.fixture
async def tenant(database: Database) -> Tenant:
    return await make_tenant(database)


class Doomed:
    """A connection whose backend is ended around its one statement."""

    def __init__(self, database: Database, killer: Raw) -> None:
        self._database = database
        self._killer = killer
        self.seen: Counter[str] = Counter()

    async def call(self, how: str, statement: Any, *args: Any, **given: Any) -> Any:
        """What the statement gave, if its answer arrived."""
        db = await self._database.dial()
        pid = db.get_server_pid()
        try:
            if how == "before":
                await self._end(pid)
                return await statement(db, *args, **given)
            if how == "after":
                await statement(db, *args, **given)
                await self._end(pid)
                return None
            killing = asyncio.create_task(self._end(pid, random.uniform(0, 0.004)))
            try:
                return await statement(db, *args, **given)
            finally:
                await killing
        except Exception as error:
            if not is_outage(error):
                raise
            self.seen[how] += 1
            return None
        finally:
            db.terminate()

    async def _end(self, pid: int, seconds: float = 0.0) -> None:
        await self._killer.execute("SELECT pg_terminate_backend($1) FROM pg_sleep($2)", pid, seconds)


async def place(db: Raw, job: UUID) -> str:
    """The one table a job stands in; fails when it stands in none or in two."""
    places = await db.fetchval(_PLACES, job)
    assert len(places) == 1, places
    return str(places[0])


async def lease(db: Raw, tenant: Tenant, **given: Any) -> Lease:
    await make_job(db, tenant, **given)
    [held] = await jobs.claim(db, [(tenant.queue_id, 1, None)], replica=uuid4())
    return held


def moments() -> list[str]:
    return [random.choice(["before", "during", "during", "after"]) for _ in range(ROUNDS)]


async def test_a_settlement_whose_link_dies_is_whole_and_can_be_repeated(
    database: Database, tenant: Tenant
) -> None:
    async with database.raw() as db, database.raw() as killer:
        doomed, fates = Doomed(database, killer), Counter[Fate]()
        for how in moments():
            held = await lease(db, tenant)
            await doomed.call(how, jobs.settle, [settlement(held)])
            assert await place(db, held.job_id) in {"leases", "endings"}
            [again] = await jobs.settle(db, [settlement(held)])
            fates[again.fate] += 1
            assert await place(db, held.job_id) == "endings"
            kinds, attempts, _ = await db.fetchrow(_HISTORY, held.job_id)
            assert (kinds, attempts) == (["created", "queued", "started", "succeeded"], 1)
    assert set(fates) == {Fate.SUCCEEDED, Fate.REPEATED}
    assert doomed.seen["before"] and doomed.seen["during"], doomed.seen


async def test_a_retry_whose_link_dies_is_armed_once(database: Database, tenant: Tenant) -> None:
    async with database.raw() as db, database.raw() as killer:
        doomed = Doomed(database, killer)
        for how in moments():
            held = await lease(db, tenant)
            failed = settlement(held, Outcome.FAILED, retry_seconds=60.0)
            await doomed.call(how, jobs.settle, [failed])
            [again] = await jobs.settle(db, [failed])
            assert again.fate in {Fate.RETRYING, Fate.REPEATED}
            assert await place(db, held.job_id) == "timers"
            assert await db.fetchval("SELECT attempt FROM timers WHERE job_id = $1", held.job_id) == 2
            kinds, attempts, _ = await db.fetchrow(_HISTORY, held.job_id)
            assert (kinds[3:], attempts) == (["retrying"], 1)


async def test_a_final_failure_whose_link_dies_leaves_one_dead_letter(
    database: Database, tenant: Tenant
) -> None:
    async with database.raw() as db, database.raw() as killer:
        doomed = Doomed(database, killer)
        for how in moments():
            held = await lease(db, tenant)
            failed = settlement(held, Outcome.FAILED, error_code="http_status")
            await doomed.call(how, jobs.settle, [failed])
            await jobs.settle(db, [failed])
            kinds, attempts, letters = await db.fetchrow(_HISTORY, held.job_id)
            assert (kinds[3:], attempts, letters) == (["failed", "dead_lettered"], 1, 1)
            assert await place(db, held.job_id) == "endings"


@pytest.mark.promise(1)
async def test_a_claim_whose_link_dies_leaves_each_job_ready_or_leased(
    database: Database, tenant: Tenant
) -> None:
    """What it leased without anybody knowing, the replica finds under its own id and gives back."""
    async with database.raw() as db, database.raw() as killer:
        doomed, places = Doomed(database, killer), Counter[str]()
        for how in moments():
            made = [await make_job(db, tenant) for _ in range(3)]
            replica = uuid4()
            await doomed.call(how, jobs.claim, [(tenant.queue_id, 3, None)], replica=replica)
            found = {await place(db, job) for job in made}
            assert found in ({"ready"}, {"leases"})
            places.update(found)
            unheard = await jobs.held(db, replica=replica)
            assert len(unheard) == (3 if found == {"leases"} else 0)
            if unheard:
                await jobs.settle(db, [settlement(one, None) for one in unheard])
            assert {await place(db, job) for job in made} == {"ready"}
            await db.execute("DELETE FROM ready")
    assert places["ready"] and places["leases"], places


@pytest.mark.promise(1)
async def test_a_plan_whose_link_dies_leaves_each_job_waiting_or_ready(
    database: Database, tenant: Tenant
) -> None:
    async with database.raw() as db, database.raw() as killer:
        doomed = Doomed(database, killer)
        for how in moments():
            made = [await make_job(db, tenant, delay_seconds=60.0) for _ in range(3)]
            await db.execute("UPDATE timers SET due_at = now()")
            await doomed.call(how, jobs.plan, limit=10, since=None)
            assert {await place(db, job) for job in made} in ({"timers"}, {"ready"})
            await db.execute("DELETE FROM timers")
            await db.execute("DELETE FROM ready")
