"""POST /v1/jobs:cancel: what fits and is not over ends, by the rules of cancelling a single one."""

import asyncio
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from app.bulk import cancelling
from app.bulk.cancelling import LIVE
from app.bulk.sweeps import Sweep
from app.hints import Hints
from app.jobs.filters import Filter
from core.db import Database
from core.jobs import store as jobs
from core.jobs.model import Lease, Outcome, State
from tests.integration.app.jobs.orders import REPLICA, claim, make, read, settle
from tests.integration.app.jobs.test_read import kinds
from tests.jobs import make_job, make_tenant, settlement


async def cancel(api: httpx.AsyncClient, **given: Any) -> dict[str, Any]:
    answer = await api.post("/v1/jobs:cancel", json=given)
    assert answer.status_code == 200, answer.text
    counts: dict[str, Any] = answer.json()
    return counts


def counts(matched: int, cancelled: int, cancelling: int) -> dict[str, Any]:
    return {"matched": matched, "cancelled": cancelled, "cancelling": cancelling, "more": False}


async def lead(api: httpx.AsyncClient, database: Database) -> dict[str, dict[str, Any]]:
    """A job in each state, by state."""
    made = {"succeeded": await make(api)}
    await settle(database, await claim(database))
    made["running"] = await make(api)
    await claim(database)
    made["queued"] = await make(api)
    made["scheduled"] = await make(api, delay_seconds=60)
    return made


@pytest.mark.promise(7)
async def test_all_that_is_not_over_ends(
    mine: httpx.AsyncClient, database: Database, hints: Hints, monkeypatch: pytest.MonkeyPatch
) -> None:
    hinted: list[UUID] = []
    monkeypatch.setattr(hints, "cancel", hinted.append)
    made = await lead(mine, database)
    assert await cancel(mine, all=True) == counts(3, 2, 1)
    found = {name: (await read(mine, job))["state"] for name, job in made.items()}
    assert found == {
        "succeeded": "succeeded", "running": "cancelling", "queued": "cancelled", "scheduled": "cancelled"
    }  # fmt: skip
    assert hinted == [REPLICA]
    assert await kinds(mine, made["scheduled"]) == ["created", "cancelled"]
    assert (await kinds(mine, made["running"]))[-1] == "cancelling"
    assert await cancel(mine, all=True) == counts(0, 0, 0)


async def test_a_dry_run_only_counts(mine: httpx.AsyncClient, database: Database) -> None:
    made = await lead(mine, database)
    before = {name: await read(mine, job) for name, job in made.items()}
    assert await cancel(mine, all=True, dry_run=True) == counts(3, 0, 0)
    assert {name: await read(mine, job) for name, job in made.items()} == before
    assert (await mine.get("/v1/audit")).json()["items"] == []


@pytest.mark.parametrize(
    ("states", "found"),
    [
        (["scheduled"], counts(1, 1, 0)),
        (["queued"], counts(1, 1, 0)),
        (["running"], counts(1, 0, 1)),
        (["queued", "scheduled"], counts(2, 2, 0)),
    ],
)
async def test_only_the_states_asked_for_end(
    mine: httpx.AsyncClient, database: Database, states: list[str], found: dict[str, Any]
) -> None:
    made = await lead(mine, database)
    assert await cancel(mine, state=states) == found
    for name, job in made.items():
        assert ((await read(mine, job))["state"] == name) == (name not in states)


async def test_a_filter_is_that_of_the_list(mine: httpx.AsyncClient, theirs: httpx.AsyncClient) -> None:
    one = await make(mine, labels={"team": "billing"}, delay_seconds=60)
    two = await make(mine, labels={"team": "ops"}, delay_seconds=60, url="http://127.0.0.1:9/other")
    foreign = await make(theirs, labels={"team": "billing"}, delay_seconds=60)
    assert (await cancel(mine, queue="nope"))["matched"] == 0
    assert (await cancel(mine, fire_before=one["created_at"]))["matched"] == 0
    assert await cancel(mine, labels={"team": "billing"}, created_after=one["created_at"]) == counts(1, 1, 0)
    assert (await read(mine, two))["state"] == "scheduled"
    assert await cancel(mine, url_contains="/other") == counts(1, 1, 0)
    assert (await read(theirs, foreign))["state"] == "scheduled"


async def test_a_thousand_jobs_end_in_chunks_each_told_in_the_audit(
    mine: httpx.AsyncClient, database: Database
) -> None:
    orders = [{"target": {"url": "http://127.0.0.1:9/a?token=s3cr3t"}} for _ in range(1000)]
    await mine.post("/v1/jobs:batch", json={"jobs": orders})
    await make(mine)
    assert await cancel(mine, url_contains="s3cr3t") == counts(1000, 1000, 0)
    audit = await mine.get("/v1/audit")
    told = [(one["action"], one["detail"]) for one in audit.json()["items"]]
    chunk = {"asked": {"url_contains": "***"}, "cancelled": 500, "cancelling": 0}
    assert told == [("jobs.cancelled", chunk)] * 2
    assert "s3cr3t" not in audit.text


async def test_a_sweep_whose_time_is_up_says_that_there_is_more(
    mine: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        await make(mine)
    monkeypatch.setattr("app.bulk.routes._CHUNK", 2)
    with monkeypatch.context() as hurried:
        hurried.setattr("app.bulk.routes.Sweep", partial(Sweep, seconds=-1.0))
        assert await cancel(mine, all=True) == counts(2, 2, 0) | {"more": True}
    assert await cancel(mine, all=True) == counts(1, 1, 0)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/all"),
        ({"dry_run": True}, "/all"),
        ({"all": False}, "/all"),
        ({"all": True, "queue": "default"}, "/all"),
        ({"state": ["failed"]}, "/state/0"),
        ({"state": "queued"}, "/state"),
        ({"created_after": "2026-01-01T00:00:00"}, "/created_after"),
        ({"fire_before": "2300-01-01T00:00:00Z"}, "/fire_before"),
        ({"label": "a=b"}, "/label"),
        ({"url_contains": ""}, "/url_contains"),
        ({"queue": "a\x00"}, "/queue"),
    ],
)
async def test_what_is_no_selection_is_refused_and_ends_nothing(
    mine: httpx.AsyncClient, body: dict[str, Any], pointer: str
) -> None:
    job = await make(mine)
    answer = await mine.post("/v1/jobs:cancel", json=body)
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]
    assert await read(mine, job) == job


async def test_a_job_that_was_edited_out_of_the_filter_is_left_alone(database: Database) -> None:
    tenant = await make_tenant(database)
    async with database.raw() as db:
        job = await make_job(db, tenant, labels='{"team":"ops"}')
        which = Filter(states=LIVE, labels={"team": "billing"})
        async with db.transaction():
            done = await cancelling.cancel(db, [job], which, tenant=tenant.id)
    assert (done.matched, done.cancelled) == (0, 0)


async def test_a_waiting_job_that_started_meanwhile_is_not_aborted(database: Database) -> None:
    tenant = await make_tenant(database)
    async with database.raw() as db:
        job = await make_job(db, tenant)
        await jobs.claim(db, [(tenant.queue_id, 1, None)], replica=uuid4())
        async with db.transaction():
            done = await cancelling.cancel(
                db, [job], Filter(states=frozenset({State.QUEUED})), tenant=tenant.id
            )
    assert (done.matched, done.cancelled, done.cancelling, done.replicas) == (1, 0, 0, set())


@pytest.mark.promise(2)
@pytest.mark.promise(7)
async def test_a_job_is_cancelled_once_amid_claims_settles_and_other_sweeps(database: Database) -> None:
    """Every job ends, and in one way only; what reads `cancelled` without having run, never starts."""
    tenant = await make_tenant(database)
    async with database.raw() as db:
        made = [await make_job(db, tenant, delay_seconds=0.01 * (number % 7)) for number in range(300)]
    over = asyncio.Event()
    async with asyncio.TaskGroup() as around:
        for _ in range(2):
            around.create_task(_move(database, tenant.queue_id, over))
        sweeps = [_sweep(database, made[number::3] + made, tenant.id) for number in range(3)]
        cancelled = sum(await asyncio.gather(*sweeps))
        async with asyncio.timeout(60), database.raw() as db:
            while await db.fetchval("SELECT count(*) FROM endings") < len(made):
                pass
        over.set()
    async with database.raw() as db:
        ended = dict(await db.fetch("SELECT state, count(*) FROM endings GROUP BY 1"))
        started = await db.fetchval(
            """SELECT count(*) FROM events said JOIN events s ON s.job_id = said.job_id AND s.id > said.id
               WHERE said.kind = 'cancelled' AND s.kind = 'started'"""
        )
        places = [await db.fetchval(f"SELECT count(*) FROM {name}") for name in ("timers", "ready", "leases")]
    assert (sum(ended.values()), started, places) == (300, 0, [0, 0, 0])
    assert cancelled <= ended["cancelled"]


async def _move(database: Database, queue: UUID, over: asyncio.Event) -> None:
    db = await database.dial()
    while not over.is_set():
        await jobs.plan(db, limit=20, since=None)
        leases: list[Lease] = await jobs.claim(db, [(queue, 3, None)], replica=uuid4())
        if leases:
            await jobs.settle(db, [settlement(lease, Outcome.FAILED, retry_seconds=0.01) for lease in leases])
    await db.close()


async def _sweep(database: Database, ids: list[UUID], tenant: UUID) -> int:
    """Cancel all, chunk by chunk."""
    cancelled = 0
    db = await database.dial()
    for start in range(0, len(ids), 25):
        async with db.transaction():
            chunk = sorted(set(ids[start : start + 25]))
            done = await cancelling.cancel(db, chunk, Filter(states=LIVE), tenant=tenant)
        cancelled += done.cancelled
    await db.close()
    return cancelled
