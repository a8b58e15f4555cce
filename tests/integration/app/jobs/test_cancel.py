"""POST /v1/jobs/{id}/cancel: what it ends, what it asks for, what it leaves alone."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.hints import Hints
from core.db import Database
from core.jobs import store as jobs
from core.jobs.model import Fate, Outcome
from core.replicas.store import channel
from tests.integration.app.jobs.orders import REPLICA, claim, come_due, make, read, settle
from tests.integration.app.jobs.test_read import kinds


async def cancel(api: httpx.AsyncClient, job: dict[str, Any]) -> httpx.Response:
    return await api.post(f"/v1/jobs/{job['id']}/cancel")


@pytest.mark.promise(7)
@pytest.mark.parametrize("delay", [0, 60])
async def test_a_waiting_job_is_cancelled_at_once_and_nothing_of_it_is_left_to_start(
    mine: httpx.AsyncClient, database: Database, delay: float
) -> None:
    job = await make(mine, delay_seconds=delay)
    answer = await cancel(mine, job)
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert answer.json() == await read(mine, job)
    shown = answer.json()
    assert shown["finished_at"] == shown["cancel_requested_at"] is not None
    assert (shown["attempts_made"], shown["attempts_left"], shown["next_attempt_at"]) == (0, 0, None)
    assert (await kinds(mine, job))[-1] == "cancelled"
    async with database.raw() as db:
        waiting = "SELECT (SELECT count(*) FROM timers) + (SELECT count(*) FROM ready)"
        assert await db.fetchval(waiting) == 0


async def test_a_job_waiting_for_its_retry_is_cancelled_at_once(
    mine: httpx.AsyncClient, database: Database
) -> None:
    job = await make(mine)
    await settle(database, await claim(database), Outcome.FAILED, retry_seconds=30.0, error_code="http_500")
    answer = await cancel(mine, job)
    assert (answer.status_code, answer.json()["state"], answer.json()["attempts_made"]) == (
        200,
        "cancelled",
        1,
    )


async def test_a_running_job_is_asked_to_stop(mine: httpx.AsyncClient, database: Database) -> None:
    job = await make(mine)
    lease = await claim(database)
    answer = await cancel(mine, job)
    assert (answer.status_code, answer.json()["state"]) == (202, "cancelling")
    assert (await settle(database, lease, Outcome.CANCELLED, started_ago=1.0)).fate is Fate.CANCELLED
    now = await read(mine, job)
    assert now["state"] == "cancelled"
    assert now["cancel_requested_at"] == answer.json()["cancel_requested_at"]
    assert (await kinds(mine, job))[-2:] == ["cancelling", "cancelled"]


async def test_asking_twice_changes_nothing(mine: httpx.AsyncClient, database: Database) -> None:
    job = await make(mine)
    await claim(database)
    first, second = await cancel(mine, job), await cancel(mine, job)
    assert (second.status_code, second.json()) == (202, first.json())
    assert (await kinds(mine, job)).count("cancelling") == 1


async def test_a_success_that_was_first_stays_a_success(mine: httpx.AsyncClient, database: Database) -> None:
    job = await make(mine)
    lease = await claim(database)
    await cancel(mine, job)
    await settle(database, lease, status=200)
    assert (await read(mine, job))["state"] == "succeeded"


async def test_a_job_claimed_ahead_is_asked_for_before_its_instant(
    mine: httpx.AsyncClient, database: Database
) -> None:
    job = await make(mine, delay_seconds=60)
    async with database.raw() as db:
        [lease] = await jobs.claim_ahead(db, replica=REPLICA, limit=1, seconds=120)
    answer = await cancel(mine, job)
    assert (answer.status_code, answer.json()["state"]) == (202, "cancelling")
    assert (await settle(database, lease, None)).fate is Fate.CANCELLED


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.FAILED])
async def test_a_finished_job_cannot_be_cancelled(
    mine: httpx.AsyncClient, database: Database, outcome: Outcome
) -> None:
    job = await make(mine)
    await settle(database, await claim(database), outcome)
    answer = await cancel(mine, job)
    assert (answer.status_code, answer.json()["code"]) == (409, "job_finished")


async def test_a_cancelled_job_cannot_be_cancelled_again(mine: httpx.AsyncClient) -> None:
    job = await make(mine)
    await cancel(mine, job)
    answer = await cancel(mine, job)
    assert (answer.status_code, answer.json()["code"]) == (409, "job_finished")


async def test_the_reaper_ends_what_was_cancelling_when_its_replica_died(
    mine: httpx.AsyncClient, database: Database
) -> None:
    job = await make(mine)
    lease = await claim(database)
    await cancel(mine, job)
    await settle(database, lease, Outcome.LOST, retry_seconds=0.0)
    assert (await read(mine, job))["state"] == "cancelled"


async def test_a_foreign_job_cannot_be_cancelled(mine: httpx.AsyncClient, theirs: httpx.AsyncClient) -> None:
    job = await make(mine)
    for id in (job["id"], str(uuid4()), "x"):
        assert (await theirs.post(f"/v1/jobs/{id}/cancel")).status_code == 404
    assert (await read(mine, job))["state"] == "queued"


@pytest.mark.capability("notify")
async def test_the_replica_that_holds_the_job_is_told_after_the_commit(
    mine: httpx.AsyncClient, database: Database, direct: Database, hints: Hints
) -> None:
    heard: list[object] = []
    listening = await direct.dial()
    await listening.add_listener(channel(REPLICA), lambda *said: heard.append(said[-1]))
    job = await make(mine)
    await claim(database)
    await hints.once()
    await cancel(mine, job)
    assert await hints.once() == 1
    await listening.execute("SELECT 1")
    assert heard == ["cancel"]
    await listening.close()
    hints.close()


async def test_a_retry_that_came_due_can_be_cancelled(mine: httpx.AsyncClient, database: Database) -> None:
    job = await make(mine)
    await settle(database, await claim(database), Outcome.FAILED, retry_seconds=30.0)
    await come_due(database)
    assert (await cancel(mine, job)).json()["state"] == "cancelled"
