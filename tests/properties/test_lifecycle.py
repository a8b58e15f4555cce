"""Jobs among schedulers that crash, freeze and wake, a reaper, and users who change their minds.

Hypothesis picks what happens next; a model of a few lines says what must come of it; after every step the
database is compared with the model and with what must hold whatever happens. Time is moved by moving rows.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.jobs import moves
from app.jobs.checks import Change
from app.jobs.moves import Cancelled, Edited
from core.db import Database
from core.jobs import store as jobs
from core.jobs.model import Fate, Lease, Needs, Outcome
from core.replicas import store as replicas
from core.replicas.store import Replica
from reaper.leases import LeaseSweep
from tests.jobs import Tenant, make_job, make_tenant, settlement
from tests.properties.jobs_model import ROWS, Job, Row

T = TypeVar("T")

TTL = 15.0
SOON = 1000.0
"""Longer than any wait here: claiming ahead by this much takes whatever is not due yet."""

OUTCOMES = st.sampled_from(
    [None, Outcome.SUCCEEDED, Outcome.FAILED, Outcome.TIMED_OUT, Outcome.BLOCKED, Outcome.INTERRUPTED]
)

WAITS = st.sampled_from([0.0, 60.0])

NEEDS = st.sampled_from([Needs.HTTP, Needs.DOCKER])
"""The first replica offers the one, the second the other, the third both."""

_TABLES = ("jobs", "timers", "ready", "leases", "endings", "attempts", "events", "dead_letters", "replicas")


class Lifecycle(RuleBasedStateMachine):
    """One tenant, three replicas, any number of jobs."""

    database: Database
    runner: asyncio.Runner

    leased = Bundle("leased")

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @initialize()
    def begin(self) -> None:
        self.jobs: dict[UUID, Job] = {}
        self.settled: set[tuple[UUID, Outcome | None]] = set()
        self.leases: dict[UUID, Lease] = {}
        self.replicas = {uuid4(): True for _ in range(3)}
        self.offers = [[Needs.HTTP], [Needs.DOCKER], [Needs.HTTP, Needs.DOCKER]]
        self.tenant = self.do(self._begin())
        for replica in self.replicas:
            self.do(self._beat(replica, TTL))
        # Its view has been clear for long: what the reaper may take is what this machine is about.
        self.sweep = LeaseSweep(self.database, ttl_seconds=TTL, now=lambda: 0.0)
        self.sweep._seen_at, self.sweep._clear_since = 0.0, -TTL
        self.create(0.0, 2)
        self.create(60.0, 3)

    async def _begin(self) -> Tenant:
        async with self.database.raw() as db:
            for table in _TABLES:
                await db.execute(f"DELETE FROM {table}")
        return await make_tenant(self.database)

    # What users do.

    @rule(delay=WAITS, max_attempts=st.integers(1, 3), needs=NEEDS)
    def create(self, delay: float, max_attempts: int, needs: Needs = Needs.HTTP) -> None:
        for job in self.do(self._create(delay, max_attempts, needs)):
            self.jobs[job] = Job("timers" if delay else "ready", max_attempts, needs)

    async def _create(self, delay: float, max_attempts: int, needs: Needs) -> list[UUID]:
        given = {
            "delay_seconds": delay,
            "needs": needs,
            "retry": f'{{"max_attempts":{max_attempts},"base_seconds":60,"jitter":0}}',
        }
        async with self.database.raw() as db:
            return [await make_job(db, self.tenant, **given) for _ in range(2)]

    @rule(which=st.integers(0, 50))
    def cancel(self, which: int) -> None:
        job = self._one(which)
        model, answer = self.jobs[job], self.do(self._change(moves.cancel, job))
        if model.place in ("timers", "ready"):
            assert isinstance(answer, Cancelled)
            model.leave("cancelled")
        elif model.place == "leases":
            assert isinstance(answer, Cancelled)
            assert answer.replica == model.replica
            model.cancelling = True
        else:
            assert not isinstance(answer, Cancelled)

    @rule(which=st.integers(0, 50), delay=WAITS)
    def edit(self, which: int, delay: float) -> None:
        job = self._one(which)
        model, answer = self.jobs[job], self.do(self._change(moves.edit, job, Change(None, delay, 7)))
        assert isinstance(answer, Edited) == (model.place in ("timers", "ready"))
        if isinstance(answer, Edited):
            model.place = "timers" if delay else "ready"

    def _one(self, which: int) -> UUID:
        """A job that has not ended, if there is one."""
        living = [job for job, model in self.jobs.items() if model.place in ("timers", "ready", "leases")]
        some = living or list(self.jobs)
        return some[which % len(some)]

    async def _change(self, change: Any, job: UUID, *args: object) -> object:
        async with self.database.raw() as db:
            return await change(db, job, *args, tenant=self.tenant.id)

    # What replicas do. A dead one may wake up and settle whatever it once held.

    @precondition(lambda self: self._any("leases"))
    @rule(which=st.integers(0, 2))
    def crash_freeze_or_wake(self, which: int) -> None:
        replica = list(self.replicas)[which]
        self.replicas[replica] = not self.replicas[replica]
        self.do(self._beat(replica, TTL if self.replicas[replica] else -1.0))

    async def _beat(self, replica: UUID, ttl_seconds: float) -> None:
        async with self.database.raw() as db:
            await replicas.beat(db, Replica(replica, 8, "test"), ttl_seconds=ttl_seconds, draining=False)

    def plan(self) -> None:
        for job in self.do(self._plan()):
            assert self.jobs[job].place == "timers"
            self.jobs[job].place = "ready"

    async def _plan(self) -> list[UUID]:
        async with self.database.raw() as db:
            due = await db.fetch("SELECT job_id FROM timers WHERE due_at <= now()")
            moved = await jobs.plan(db, limit=100, since=None)
            assert moved >= len(due)
            assert await db.fetchval("SELECT count(*) FROM ready WHERE due_at > now()") == 0
            found = await db.fetch("SELECT job_id FROM ready")
        return [row[0] for row in found if self.jobs[row[0]].place == "timers"]

    @precondition(lambda self: self._any("ready") or self._any("timers"))
    @rule(target=leased, which=st.integers(0, 2), limit=st.integers(1, 3))
    def plan_and_claim(self, which: int, limit: int) -> Any:
        self.plan()
        return self._took(which, self.do(self._claim(which, limit)), "ready")

    async def _claim(self, which: int, limit: int) -> list[Lease]:
        """What it looks for, it claims."""
        replica, offers = list(self.replicas)[which], self.offers[which]
        async with self.database.raw() as db:
            lanes = (await jobs.survey(db, since=None, offers=offers)).lanes
            places = {job.needs for job in self.jobs.values() if job.place == "ready"}
            assert {lane.needs for lane in lanes} == places & set(offers)
            quotas = [(lane.queue_id, limit, None) for lane in lanes]
            return await jobs.claim(db, quotas, replica=replica, needs=[lane.needs for lane in lanes])

    @precondition(lambda self: self._any("timers"))
    @rule(target=leased, which=st.integers(0, 2), limit=st.integers(1, 3))
    def claim_ahead(self, which: int, limit: int) -> Any:
        leases = self.do(self._claim_ahead(which, limit))
        return self._took(which, leases, "timers")

    async def _claim_ahead(self, which: int, limit: int) -> list[Lease]:
        replica, offers = list(self.replicas)[which], self.offers[which]
        async with self.database.raw() as db:
            return await jobs.claim_ahead(db, replica=replica, limit=limit, seconds=SOON, offers=offers)

    def _took(self, which: int, leases: list[Lease], source: str) -> Any:
        for lease in leases:
            job = self.jobs[lease.job_id]
            assert (job.place, lease.attempt) == (source, len(job.attempts) + 1)
            assert lease.needs in self.offers[which]
            job.place, job.token, job.replica = "leases", lease.lease_token, list(self.replicas)[which]
            self.leases[lease.job_id] = lease
        return multiple(*leases)

    def _any(self, place: str) -> bool:
        return any(job.place == place for job in self.jobs.values())

    @precondition(lambda self: self._any("leases"))
    @rule(which=st.integers(0, 50), outcome=OUTCOMES, again=st.booleans(), wait=WAITS)
    def finish(self, which: int, outcome: Outcome | None, again: bool, wait: float) -> None:
        """What a replica does that still holds its lease."""
        held = [job for job, model in self.jobs.items() if model.place == "leases"]
        self.settle(self.leases[held[which % len(held)]], outcome, again, wait)

    @rule(lease=leased, outcome=OUTCOMES, again=st.booleans(), wait=WAITS)
    def finish_any(self, lease: Lease, outcome: Outcome | None, again: bool, wait: float) -> None:
        """Also leases that were lost long ago, and results that were written before."""
        self.settle(lease, outcome, again, wait)

    def settle(self, lease: Lease, outcome: Outcome | None, again: bool, wait: float) -> None:
        job = self.jobs[lease.job_id]
        retry = again and outcome not in (None, Outcome.SUCCEEDED) and lease.attempt < job.max_attempts
        [answer] = self.do(self._settle(lease, outcome, wait if retry else None))
        assert answer.fate is self._fate(lease, outcome, retry)
        if answer.fate not in (Fate.FENCED, Fate.REPEATED):
            self._apply(job, lease, outcome, answer.fate)

    async def _settle(self, lease: Lease, outcome: Outcome | None, wait: float | None) -> Any:
        async with self.database.raw() as db:
            return await jobs.settle(db, [settlement(lease, outcome, retry_seconds=wait)])

    def _fate(self, lease: Lease, outcome: Outcome | None, retry: bool) -> Fate:
        job = self.jobs[lease.job_id]
        if job.token != lease.lease_token:
            return Fate.REPEATED if (lease.lease_token, outcome) in self.settled else Fate.FENCED
        if outcome is Outcome.SUCCEEDED:
            return Fate.SUCCEEDED
        if job.cancelling:
            return Fate.CANCELLED
        if outcome is None:
            return Fate.RETURNED
        return Fate.RETRYING if retry else Fate.FAILED

    def _apply(self, job: Job, lease: Lease, outcome: Outcome | None, fate: Fate) -> None:
        if outcome is not None:
            job.attempts.append(f"{lease.attempt} {outcome}")
            self.settled.add((lease.lease_token, outcome))
        if fate is Fate.RETRYING:
            job.leave("timers")
        elif fate is Fate.RETURNED:
            job.leave(self.do(self._waits(lease.job_id)))
        else:
            job.leave(fate.value)

    async def _waits(self, job: UUID) -> str:
        """Where a lease that was given back waits depends on how close its instant is."""
        async with self.database.raw() as db:
            return (
                "timers"
                if await db.fetchval("SELECT count(*) FROM timers WHERE job_id = $1", job)
                else "ready"
            )

    # What the reaper and the clock do.

    @precondition(lambda self: self._any("leases"))
    @rule()
    def reap(self) -> None:
        taken = self.do(self.sweep.once())
        lost = [job for job in self.jobs.values() if job.place == "leases" and not self._alive(job)]
        assert taken == len(lost)
        for job in lost:
            job.attempts.append(f"{len(job.attempts) + 1} lost")
            if job.cancelling:
                job.leave("cancelled")
            else:
                job.leave("timers" if len(job.attempts) < job.max_attempts else "failed")

    def _alive(self, job: Job) -> bool:
        return job.replica is not None and self.replicas[job.replica]

    @precondition(lambda self: self._any("timers"))
    @rule()
    def time_passes(self) -> None:
        """Every wait is over; the living beat on; nobody has overrun a deadline."""
        self.do(self._shift())

    async def _shift(self) -> None:
        async with self.database.raw() as db:
            await db.execute("UPDATE timers SET due_at = due_at - interval '100 s'")
            await db.execute("UPDATE leases SET due_at = due_at - interval '100 s'")

    # What holds whatever happened.

    @invariant()
    def the_database_agrees(self) -> None:
        for row in self.do(self._look()) if hasattr(self, "jobs") else []:
            self.jobs[row.id].check(row)

    async def _look(self) -> list[Row]:
        async with self.database.raw() as db:
            rows = [Row(*row) for row in await db.fetch(ROWS)]
        assert {row.id for row in rows} == set(self.jobs)
        return rows


def explore(dsn: str, examples: int, steps: int) -> None:
    with asyncio.Runner() as runner:
        database = Database(dsn, name="tests", size=1, planning={"synchronous_commit": "off"})
        machine = type("Machine", (Lifecycle,), {"database": database, "runner": runner})
        profile = settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        try:
            run_state_machine_as_test(machine, settings=profile)
        finally:
            runner.run(database.close())


@pytest.mark.promise(2)
@pytest.mark.promise(5)
@pytest.mark.promise(7)
def test_a_job_is_always_in_one_place_and_ends_once(database_url: str) -> None:
    explore(database_url, examples=80, steps=50)


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_a_job_is_always_in_one_place_and_ends_once_however_long_one_looks(database_url: str) -> None:
    explore(database_url, examples=600, steps=60)
