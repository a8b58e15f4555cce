"""Cancelling and editing while schedulers plan, claim and settle: a job is always in exactly one place.

Each round has a job of its own, and movers on connections of their own push all of them on as schedulers
would. Nothing is arranged: the interleavings are whatever the database makes of them.
"""

import asyncio
import random
from collections import Counter, defaultdict
from ipaddress import ip_network
from uuid import UUID, uuid4

import msgspec
import pytest

from app.jobs import moves
from app.jobs.checks import Change
from app.jobs.moves import Cancelled, Edited
from app.jobs.retargeting import Means
from app.jobs.schemas import EditJob, EditTarget
from core.db import Database, Raw
from core.egress.guard import Egress
from core.errors import Conflict
from core.jobs import store as jobs
from core.jobs.model import Lease, Outcome, Settlement
from core.sealing import Keyring
from tests.jobs import Tenant, make_job, make_tenant, settlement

ROUNDS = 500
MOVERS = 3
MEDDLERS = 4
LOOPBACK = Egress((ip_network("127.0.0.0/8"),))

Carried = defaultdict[UUID, set[str]]
"""The URLs that each job's attempts were sent to."""

_PLACES = """
SELECT (SELECT count(*) FROM timers WHERE job_id = j.id) + (SELECT count(*) FROM ready WHERE job_id = j.id)
     + (SELECT count(*) FROM leases WHERE job_id = j.id) + (SELECT count(*) FROM endings WHERE job_id = j.id)
FROM jobs j
"""
_MOVING = """
SELECT count(*) FROM jobs j WHERE NOT EXISTS (SELECT FROM endings WHERE job_id = j.id)
  AND NOT EXISTS (SELECT FROM timers WHERE job_id = j.id AND due_at > now() + interval '1 minute')
"""
_STARTED_AFTER = """
SELECT count(*) FROM events said JOIN history started ON started.job_id = said.job_id AND started.id > said.id
WHERE said.kind = $1 AND started.kind = 'started'
"""


@pytest.fixture
async def tenant(database: Database) -> Tenant:
    return await make_tenant(database)


async def _rounds(
    database: Database, tenant: Tenant, how: str, carried: Carried | None = None
) -> Counter[str]:
    """All rounds, amid movers and under a watcher's eye, until nothing moves any more."""
    over, carried = asyncio.Event(), Carried(set) if carried is None else carried
    async with asyncio.TaskGroup() as around:
        for _ in range(MOVERS):
            around.create_task(_move(database, tenant, over, carried))
        around.create_task(_watch(database, over))
        meddlers = (_meddle(database, tenant, ROUNDS // MEDDLERS, how) for _ in range(MEDDLERS))
        seen = await asyncio.gather(*meddlers)
        async with asyncio.timeout(60), database.raw() as db:
            while await db.fetchval(_MOVING):
                pass
        over.set()
    return sum(seen, Counter())


async def _move(database: Database, tenant: Tenant, over: asyncio.Event, carried: Carried) -> None:
    """Plan, claim, settle."""
    db = await database.dial()
    while not over.is_set():
        await jobs.plan(db, limit=5, since=None)
        leases = await jobs.claim_ahead(db, replica=uuid4(), limit=3, seconds=1.0)
        leases += await jobs.claim(db, [(tenant.queue_id, 3, None)], replica=uuid4())
        settled = [(lease, _settled(lease)) for lease in leases]
        for lease, one in settled:
            # What is given back was not sent.
            if one.outcome is not None:
                carried[lease.job_id].add(msgspec.json.decode(lease.target)["url"])
        if leases:
            await _pass(db)
            await jobs.settle(db, [one for _, one in settled])
    await db.close()


async def _watch(database: Database, over: asyncio.Event) -> None:
    """Look at all jobs at one instant, again and again."""
    db = await database.dial()
    while not over.is_set():
        assert {row[0] for row in await db.fetch(_PLACES)} <= {1}
    await db.close()


def _settled(lease: Lease) -> Settlement:
    ways = [(None, None), (Outcome.FAILED, 0.0), (Outcome.FAILED, 0.01), (Outcome.SUCCEEDED, None)]
    outcome, retry = random.choice(ways)
    return settlement(lease, outcome, retry_seconds=retry)


async def _pass(db: Raw) -> None:
    """Let a little time go by, in round trips."""
    for _ in range(random.randrange(6)):
        await db.fetchval("SELECT 1")


async def _meddle(database: Database, tenant: Tenant, rounds: int, how: str) -> Counter[str]:
    """Make jobs and change each a moment later; what came of it."""
    seen: Counter[str] = Counter()
    db = await database.dial()
    for _ in range(rounds):
        job = await make_job(db, tenant, delay_seconds=random.choice([0.0, 0.002, 0.01]))
        await _pass(db)
        seen[await _WAYS[how](db, job, tenant)] += 1
    await db.close()
    return seen


async def _cancel(db: Raw, job: UUID, tenant: Tenant) -> str:
    done = await moves.cancel(db, job, tenant=tenant.id)
    if isinstance(done, Cancelled):
        return done.job.state
    assert isinstance(done, Conflict)
    return done.code


async def _edit(db: Raw, job: UUID, tenant: Tenant) -> str:
    done = await moves.edit(db, job, Change(None, 3600.0, random.randrange(101)), tenant=tenant.id)
    if isinstance(done, Edited):
        return "edited"
    assert isinstance(done, Conflict)
    return done.code


async def _retarget(db: Raw, job: UUID, tenant: Tenant) -> str:
    change = Change(None, None, None, EditJob(target=EditTarget(url=_edited(job))))
    means = Means(Keyring({"test": bytes(32)}), LOOPBACK, tenant.id)
    done = await moves.edit(db, job, change, tenant=tenant.id, means=means)
    if isinstance(done, Edited):
        return "edited"
    assert isinstance(done, Conflict)
    return done.code


def _edited(job: UUID) -> str:
    return f"http://127.0.0.1:9/{job}"


_WAYS = {"cancel": _cancel, "edit": _edit, "retarget": _retarget}


@pytest.mark.promise(2)
@pytest.mark.promise(7)
async def test_once_a_job_reads_cancelled_nothing_of_it_starts(database: Database, tenant: Tenant) -> None:
    seen = await _rounds(database, tenant, "cancel")
    assert seen.total() == ROUNDS
    assert seen["cancelled"] and seen["cancelling"], seen
    async with database.raw() as db:
        assert await db.fetchval(_STARTED_AFTER, "cancelled") == 0
        assert await db.fetchval("SELECT count(*) FROM endings") == ROUNDS
        ended = dict(await db.fetch("SELECT state, count(*) FROM endings GROUP BY state"))
        told = dict(
            await db.fetch(
                "SELECT kind, count(*) FROM events WHERE kind = ANY($1) GROUP BY kind", list(ended)
            )
        )
        assert ended == told
        assert ended["cancelled"] >= seen["cancelled"]
        assert ended["cancelled"] + ended.get("succeeded", 0) == ROUNDS
        assert (
            await db.fetchval("SELECT count(*) FROM events WHERE kind = 'cancelling'") == seen["cancelling"]
        )


async def test_an_edited_job_keeps_to_its_new_fire_time(database: Database, tenant: Tenant) -> None:
    seen = await _rounds(database, tenant, "edit")
    assert seen.total() == ROUNDS
    assert seen["edited"] and seen["job_not_editable"], seen
    async with database.raw() as db:
        assert await db.fetchval(_STARTED_AFTER, "edited") == 0
        waiting = """SELECT count(*) FROM timers t JOIN jobs j ON j.id = t.job_id
                     WHERE t.due_at = j.fire_at AND t.priority = j.priority"""
        assert await db.fetchval(waiting) == seen["edited"]
        assert await db.fetchval("SELECT count(*) FROM endings") == ROUNDS - seen["edited"]


@pytest.mark.promise(4)
async def test_every_attempt_carries_the_same_target_whenever_it_was_edited(
    database: Database, tenant: Tenant
) -> None:
    carried = Carried(set)
    seen = await _rounds(database, tenant, "retarget", carried)
    assert seen.total() == ROUNDS
    assert seen["edited"] and seen["job_not_editable"], seen
    assert len(carried) == ROUNDS
    assert {len(urls) for urls in carried.values()} == {1}
    assert sum(urls == {_edited(job)} for job, urls in carried.items()) == seen["edited"]
