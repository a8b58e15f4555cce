"""The hot statements on a real PostgreSQL: what moves, and above all what does not."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from core.db import Database, Raw
from core.jobs import store as jobs
from core.jobs.model import Fate, Lease, Outcome
from tests.jobs import Tenant, make_job, make_tenant, new_job, settlement

REPLICA = uuid4()


@pytest.fixture
async def tenant(database: Database) -> Tenant:
    return await make_tenant(database)


async def claim(db: Raw, tenant: Tenant, *, limit: int = 10, replica: UUID = REPLICA) -> list[Lease]:
    return await jobs.claim(db, [(tenant.queue_id, limit, None)], replica=replica)


async def place(db: Raw, job: UUID) -> str:
    """The one table a job stands in; fails when it stands in none or in two."""
    tables = ("timers", "ready", "leases", "endings")
    found = [t for t in tables if await db.fetchval(f"SELECT count(*) FROM {t} WHERE job_id = $1", job)]
    assert len(found) == 1, found
    return found[0]


async def test_a_job_for_now_is_ready_at_once(database: Database, tenant: Tenant) -> None:
    async with database.raw() as db:
        assert await place(db, await make_job(db, tenant)) == "ready"


async def test_a_job_for_later_waits_as_a_timer(database: Database, tenant: Tenant) -> None:
    async with database.raw() as db:
        assert await place(db, await make_job(db, tenant, delay_seconds=60.0)) == "timers"


async def test_a_timer_is_not_planned_before_it_is_due(database: Database, tenant: Tenant) -> None:
    async with database.raw() as db:
        job = await make_job(db, tenant, delay_seconds=60.0)
        assert await jobs.plan(db, limit=10, since=None) == 0
        assert await place(db, job) == "timers"


async def test_a_due_timer_becomes_ready(database: Database, tenant: Tenant) -> None:
    async with database.raw() as db:
        job = await make_job(db, tenant, delay_seconds=60.0)
        await db.execute("UPDATE timers SET due_at = now() - interval '1 second'")
        count = await jobs.plan(db, limit=10, since=None)
        assert (count, await place(db, job)) == (1, "ready")


async def test_a_claimed_job_is_invisible_to_other_replicas(database: Database, tenant: Tenant) -> None:
    async with database.raw() as db:
        job = await make_job(db, tenant)
        [lease] = await claim(db, tenant)
        assert (lease.job_id, lease.attempt, lease.body) == (job, 1, b'{"any":"json"}')
        assert await claim(db, tenant, replica=uuid4()) == []
        assert await place(db, job) == "leases"


async def test_concurrent_claims_take_each_job_once(database: Database, tenant: Tenant) -> None:
    async with database.raw() as db:
        made = {await make_job(db, tenant) for _ in range(200)}

    async def drain() -> list[UUID]:
        taken: list[UUID] = []
        async with database.raw() as db:
            while leases := await claim(db, tenant, limit=7, replica=uuid4()):
                taken += [lease.job_id for lease in leases]
        return taken

    taken = [job for part in await asyncio.gather(*(drain() for _ in range(6))) for job in part]
    assert sorted(taken) == sorted(made)


async def test_the_better_priority_is_claimed_first(database: Database, tenant: Tenant) -> None:
    async with database.raw() as db:
        made = {p: await make_job(db, tenant, priority=p) for p in (0, 50, 100, 75)}
        order = [(await claim(db, tenant, limit=1))[0].job_id for _ in range(4)]
        assert order == [made[p] for p in (100, 75, 50, 0)]


async def test_equal_jobs_are_claimed_in_the_order_of_their_creation(
    database: Database, tenant: Tenant
) -> None:
    async with database.raw() as db:
        made = [await make_job(db, tenant) for _ in range(20)]
        assert [(await claim(db, tenant, limit=1))[0].job_id for _ in range(20)] == made


async def test_claiming_ahead_takes_only_what_is_due_soon(database: Database, tenant: Tenant) -> None:
    async with database.raw() as db:
        soon = await make_job(db, tenant, delay_seconds=0.5)
        await make_job(db, tenant, delay_seconds=60.0)
        leases = await jobs.claim_ahead(db, replica=REPLICA, limit=10, seconds=1.0)
        assert [lease.job_id for lease in leases] == [soon]


async def test_claiming_ahead_leaves_queues_alone_where_jobs_were_seen_waiting(
    database: Database, tenant: Tenant
) -> None:
    async with database.raw() as db:
        await make_job(db, tenant, delay_seconds=0.5)
        behind = [tenant.queue_id]
        assert await jobs.claim_ahead(db, replica=REPLICA, limit=10, seconds=1.0, behind=behind) == []
        assert await jobs.claim_ahead(db, replica=REPLICA, limit=10, seconds=1.0) != []


async def test_a_success_ends_the_job(database: Database, tenant: Tenant) -> None:
    async with database.raw() as db:
        job = await make_job(db, tenant)
        [lease] = await claim(db, tenant)
        [settled] = await jobs.settle(db, [settlement(lease, status=200)])
        assert (settled.fate, await place(db, job)) == (Fate.SUCCEEDED, "endings")


async def test_a_retry_waits_as_a_timer_with_the_next_number(database: Database, tenant: Tenant) -> None:
    async with database.raw() as db:
        job = await make_job(db, tenant)
        [lease] = await claim(db, tenant)
        [settled] = await jobs.settle(db, [settlement(lease, Outcome.FAILED, retry_seconds=30.0)])
        assert settled.fate is Fate.RETRYING
        row = await db.fetchrow(
            "SELECT attempt, due_at - now() > interval '29 s' FROM timers WHERE job_id = $1", job
        )
        assert tuple(row) == (2, True)


async def test_a_permanent_failure_leaves_a_dead_letter(database: Database, tenant: Tenant) -> None:
    async with database.raw() as db:
        job = await make_job(db, tenant)
        [lease] = await claim(db, tenant)
        [settled] = await jobs.settle(db, [settlement(lease, Outcome.FAILED, error_code="http_500")])
        assert settled.fate is Fate.FAILED
        row = await db.fetchrow("SELECT job_id, body, error_code FROM dead_letters")
        assert tuple(row) == (job, b'{"any":"json"}', "http_500")


async def test_a_lease_given_back_burns_no_attempt(database: Database, tenant: Tenant) -> None:
    async with database.raw() as db:
        job = await make_job(db, tenant)
        [lease] = await claim(db, tenant)
        [settled] = await jobs.settle(db, [settlement(lease, None)])
        assert settled.fate is Fate.RETURNED
        assert await db.fetchval("SELECT attempt FROM ready WHERE job_id = $1", job) == 1
        assert await db.fetchval("SELECT count(*) FROM attempts") == 0


@pytest.mark.promise(5)
async def test_a_frozen_attempt_cannot_close_the_next_one(database: Database, tenant: Tenant) -> None:
    async with database.raw() as db:
        job = await make_job(db, tenant)
        [first] = await claim(db, tenant)
        await jobs.settle(db, [settlement(first, Outcome.LOST, retry_seconds=0.0)])
        await jobs.plan(db, limit=1, since=None)
        [second] = await claim(db, tenant, replica=uuid4())
        [late] = await jobs.settle(db, [settlement(first)])
        assert (second.attempt, await place(db, job)) == (2, "leases")
        assert late.fate is Fate.FENCED


async def test_a_settlement_without_the_right_token_changes_nothing(
    database: Database, tenant: Tenant
) -> None:
    async with database.raw() as db:
        job = await make_job(db, tenant)
        [lease] = await claim(db, tenant)
        wrong = settlement(lease).__class__(
            job_id=job, attempt=1, lease_token=uuid4(), outcome=Outcome.SUCCEEDED
        )
        [settled] = await jobs.settle(db, [wrong])
        assert (settled.fate, await place(db, job)) == (Fate.FENCED, "leases")


@pytest.mark.promise(5)
async def test_a_lease_that_was_given_back_cannot_settle_the_next_one_of_the_same_number(
    database: Database, tenant: Tenant
) -> None:
    async with database.raw() as db:
        await make_job(db, tenant)
        [first] = await claim(db, tenant)
        await jobs.settle(db, [settlement(first, None)])
        [second] = await claim(db, tenant)
        [late] = await jobs.settle(db, [settlement(first)])
        assert (first.attempt, second.attempt, late.fate) == (1, 1, Fate.FENCED)
        assert await place(db, second.job_id) == "leases"


async def test_settling_twice_is_told_apart_from_being_fenced(database: Database, tenant: Tenant) -> None:
    async with database.raw() as db:
        await make_job(db, tenant)
        [lease] = await claim(db, tenant)
        assert [s.fate for s in await jobs.settle(db, [settlement(lease)])] == [Fate.SUCCEEDED]
        assert [s.fate for s in await jobs.settle(db, [settlement(lease)])] == [Fate.REPEATED]


async def test_a_requested_cancel_wins_over_a_failure_and_loses_to_a_success(
    database: Database, tenant: Tenant
) -> None:
    async with database.raw() as db:
        one, two = await make_job(db, tenant), await make_job(db, tenant)
        leases = {lease.job_id: lease for lease in await claim(db, tenant)}
        await db.execute("UPDATE leases SET cancel_requested_at = now()")
        settled = await jobs.settle(
            db,
            [settlement(leases[one]), settlement(leases[two], Outcome.FAILED, retry_seconds=1.0)],
        )
        fates = {s.job_id: s.fate for s in settled}
        assert fates == {one: Fate.SUCCEEDED, two: Fate.CANCELLED}


async def test_an_idempotency_key_makes_one_job_of_fifty_requests(database: Database, tenant: Tenant) -> None:
    async def post() -> bool:
        async with database.raw() as db:
            [created] = await jobs.create(db, [new_job(tenant, scope="jobs", key="k", request_hash=b"h")])
            return created.created

    answers = await asyncio.gather(*(post() for _ in range(50)))
    async with database.raw() as db:
        assert (sum(answers), await db.fetchval("SELECT count(*) FROM jobs")) == (1, 1)


async def test_jobs_of_one_statement_keep_what_they_differ_in(database: Database, tenant: Tenant) -> None:
    """What only some of them have is nobody else's."""
    expires = datetime(2100, 1, 1, tzinfo=UTC)
    first = {"labels": '{"a": "b"}', "expires_at": expires, "sealed_headers": b"s", "trace": "t"}
    new = [new_job(tenant, priority=1, **first), new_job(tenant, body=b"", retry=None)]
    async with database.raw() as db:
        await jobs.create(db, new)
        rows = await db.fetch(
            "SELECT priority, labels::text, expires_at, sealed_headers, trace, body, request_id FROM jobs "
            "ORDER BY id"
        )
    assert [tuple(row) for row in rows] == [
        (1, '{"a": "b"}', expires, b"s", "t", b'{"any":"json"}', "test"),
        (50, "{}", None, None, None, b"", "test"),
    ]


async def test_an_unknown_queue_stores_nothing(database: Database, tenant: Tenant) -> None:
    async with database.raw() as db:
        [created] = await jobs.create(db, [new_job(tenant, queue="nope")])
        assert (created.created, created.queue_known) == (False, False)
        assert await db.fetchval("SELECT count(*) FROM jobs") == 0


async def test_a_survey_names_the_queues_with_due_work_and_the_next_timer(
    database: Database, tenant: Tenant
) -> None:
    other = await make_tenant(database)
    async with database.raw() as db:
        await make_job(db, tenant)
        await make_job(db, other)
        await make_job(db, other, delay_seconds=60.0)
        seen = await jobs.survey(db, since=None)
        assert {lane.tenant_id for lane in seen.lanes} == {tenant.id, other.id}
        assert seen.next_due is not None
        assert 59 < seen.next_due - seen.now <= 60


async def test_a_paused_queue_is_not_surveyed(database: Database, tenant: Tenant) -> None:
    async with database.raw() as db:
        await make_job(db, tenant)
        await db.execute("UPDATE queues SET paused = true")
        assert (await jobs.survey(db, since=None)).lanes == ()


async def test_a_job_is_over_once_it_neither_waits_nor_is_in_flight(
    database: Database, tenant: Tenant
) -> None:
    async with database.raw() as db:
        ended = await make_job(db, tenant)
        [lease] = await claim(db, tenant)
        leased = await make_job(db, tenant)
        await claim(db, tenant)
        await jobs.settle(db, [settlement(lease, Outcome.SUCCEEDED)])
        ready, timer = await make_job(db, tenant), await make_job(db, tenant, delay_seconds=60.0)
        unknown = uuid4()
        assert await jobs.over(db, [ended, leased, ready, timer, unknown]) == {ended, unknown}
