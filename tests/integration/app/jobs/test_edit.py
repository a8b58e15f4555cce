"""PATCH /v1/jobs/{id}: another fire time or priority, while the job waits."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from core.db import Database
from core.jobs import store as jobs
from core.jobs.model import Outcome
from tests.integration.app.jobs.orders import REPLICA, claim, come_due, make, read, settle
from tests.integration.app.jobs.test_read import kinds

FAR = "2099-01-01T00:00:00Z"


async def edit(api: httpx.AsyncClient, job: dict[str, Any], **given: Any) -> httpx.Response:
    return await api.patch(f"/v1/jobs/{job['id']}", json=given)


async def test_a_scheduled_job_moves_to_another_time(mine: httpx.AsyncClient) -> None:
    job = await make(mine, delay_seconds=60)
    answer = await edit(mine, job, fire_at=FAR)
    assert answer.status_code == 200, answer.text
    assert answer.json() == await read(mine, job)
    assert (answer.json()["fire_at"], answer.json()["next_attempt_at"]) == (FAR, FAR)
    assert await kinds(mine, job) == ["created", "edited"]


async def test_a_scheduled_job_can_be_brought_to_now(mine: httpx.AsyncClient, database: Database) -> None:
    job = await make(mine, delay_seconds=60)
    assert (await edit(mine, job, delay_seconds=0)).json()["state"] == "queued"
    assert await kinds(mine, job) == ["created", "edited", "queued"]
    assert str((await claim(database)).job_id) == job["id"]


async def test_a_queued_job_can_be_put_off(mine: httpx.AsyncClient, database: Database) -> None:
    job = await make(mine)
    answer = await edit(mine, job, delay_seconds=90)
    assert answer.json()["state"] == "scheduled"
    fires = datetime.fromisoformat(answer.json()["fire_at"])
    assert fires - datetime.fromisoformat(job["created_at"]) >= timedelta(seconds=90)
    async with database.raw() as db:
        assert await db.fetchval("SELECT count(*) FROM ready") == 0


async def test_a_queued_job_gets_another_place_by_its_priority(
    mine: httpx.AsyncClient, database: Database
) -> None:
    first, second = await make(mine), await make(mine)
    answer = await edit(mine, second, priority="critical")
    assert (answer.json()["priority"], answer.json()["fire_at"]) == (100, second["fire_at"])
    async with database.raw() as db:
        queue = await db.fetchval("SELECT queue_id FROM ready LIMIT 1")
        leases = await jobs.claim(db, [(queue, 2, None)], replica=REPLICA)
    assert [str(lease.job_id) for lease in leases] == [second["id"], first["id"]]


async def test_a_retry_keeps_its_number_its_instant_and_its_losses(
    mine: httpx.AsyncClient, database: Database
) -> None:
    job = await make(mine)
    await settle(database, await claim(database), Outcome.LOST, retry_seconds=30.0)
    before = await read(mine, job)
    after = (await edit(mine, job, priority=1)).json()
    assert after == before | {"priority": 1}
    await come_due(database)
    lease = await claim(database)
    assert (lease.attempt, lease.losses) == (2, 1)


async def test_what_was_changed_stands_in_the_history(mine: httpx.AsyncClient) -> None:
    job = await make(mine, delay_seconds=60)
    await edit(mine, job, fire_at=FAR, priority=7)
    event = (await mine.get(f"/v1/jobs/{job['id']}/events")).json()["items"][-1]
    assert event["data"]["priority"] == 7
    assert datetime.fromisoformat(event["data"]["fire_at"]) == datetime.fromisoformat(FAR)


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({}, ""),
        ({"fire_at": FAR, "delay_seconds": 1}, "/delay_seconds"),
        ({"fire_at": "9999-12-31T23:59:59-12:00"}, "/fire_at"),
        ({"fire_at": None}, "/fire_at"),
        ({"priority": 101}, "/priority"),
        ({"queue": "default"}, "/queue"),
        ({"fire_at": FAR}, "/fire_at"),
    ],
)
async def test_a_change_that_cannot_be_is_refused(
    mine: httpx.AsyncClient, given: dict[str, Any], pointer: str
) -> None:
    job = await make(mine, delay_seconds=60, expires_at="2098-01-01T00:00:00Z")
    answer = await edit(mine, job, **given)
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]
    assert await read(mine, job) == job


async def test_a_running_job_cannot_be_edited(mine: httpx.AsyncClient, database: Database) -> None:
    job = await make(mine)
    await claim(database)
    answer = await edit(mine, job, priority=1)
    assert (answer.status_code, answer.json()["code"]) == (409, "job_not_editable")


async def test_a_job_claimed_ahead_is_starting(mine: httpx.AsyncClient, database: Database) -> None:
    job = await make(mine, delay_seconds=60)
    async with database.raw() as db:
        await jobs.claim_ahead(db, replica=REPLICA, limit=1, seconds=120)
    answer = await edit(mine, job, fire_at=FAR)
    assert (answer.status_code, answer.json()["code"]) == (409, "starting")
    await mine.post(f"/v1/jobs/{job['id']}/cancel")
    answer = await edit(mine, job, fire_at=FAR)
    assert (answer.status_code, answer.json()["code"]) == (409, "job_not_editable")


async def test_a_finished_job_cannot_be_edited(mine: httpx.AsyncClient, database: Database) -> None:
    job = await make(mine)
    await settle(database, await claim(database))
    answer = await edit(mine, job, priority=1)
    assert (answer.status_code, answer.json()["code"]) == (409, "job_finished")


async def test_a_foreign_job_cannot_be_edited(mine: httpx.AsyncClient, theirs: httpx.AsyncClient) -> None:
    job = await make(mine)
    for id in (job["id"], str(uuid4()), "x"):
        assert (await theirs.patch(f"/v1/jobs/{id}", json={"priority": 1})).status_code == 404
    assert await read(mine, job) == job
