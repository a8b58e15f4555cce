"""POST /v1/jobs/{id}/replay: the same request once more, as a new job."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from core.db import Database
from core.jobs.model import Outcome
from tests.integration.app.jobs.orders import claim, make, read, settle
from tests.integration.app.jobs.test_read import kinds

FAR = "2099-01-01T00:00:00Z"


async def replay(
    api: httpx.AsyncClient, job: dict[str, Any], key: str | None = None, **given: Any
) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key is not None else {}
    return await api.post(f"/v1/jobs/{job['id']}/replay", json=given, headers=headers)


async def finished(api: httpx.AsyncClient, database: Database, **given: Any) -> dict[str, Any]:
    job = await make(api, **given)
    await settle(database, await claim(database))
    return job


async def test_a_replay_asks_for_the_same_and_names_its_origin(
    mine: httpx.AsyncClient, database: Database
) -> None:
    headers = {"Authorization": "Bearer s3cr3t", "X-A": "1"}
    job = await finished(
        mine, database, method="PUT", headers=headers, body={"b": 1.0}, labels={"a": "b"}, priority=7
    )
    answer = await replay(mine, job)
    assert answer.status_code == 201, answer.text
    new = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{new['id']}"
    assert new["id"] != job["id"]
    differing = {name for name in job if job[name] != new[name]}
    assert differing == {"id", "fire_at", "created_at", "next_attempt_at", "replay_of"}
    assert (new["replay_of"], new["state"]) == (job["id"], "queued")
    assert await read(mine, new) == new
    async with database.raw() as db:
        assert await db.fetchval("SELECT count(DISTINCT (sealed_headers, body)) FROM jobs") == 1


async def test_a_replay_needs_no_body(mine: httpx.AsyncClient, database: Database) -> None:
    job = await finished(mine, database)
    assert (await mine.post(f"/v1/jobs/{job['id']}/replay")).status_code == 201


async def test_a_replay_may_differ(mine: httpx.AsyncClient, database: Database) -> None:
    job = await finished(mine, database, retry={"max_attempts": 2, "base_seconds": 1})
    new = (await replay(mine, job, fire_at=FAR, priority="low", retry={"max_attempts": 5})).json()
    assert (new["fire_at"], new["priority"], new["state"]) == (FAR, 0, "scheduled")
    assert new["retry"] == job["retry"] | {"max_attempts": 5}


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"queue": "nope"}, "/queue"),
        ({"fire_at": FAR, "delay_seconds": 1}, "/delay_seconds"),
        ({"retry": {"base_seconds": 7200}}, "/retry/base_seconds"),
        ({"retry": {"max_attempts": 22}}, "/retry/max_attempts"),
        ({"target": {}}, "/target"),
    ],
)
async def test_a_replay_that_cannot_be_is_refused_and_leaves_no_trace(
    mine: httpx.AsyncClient, database: Database, given: dict[str, Any], pointer: str
) -> None:
    job = await finished(mine, database)
    answer = await replay(mine, job, **given)
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]
    assert (await kinds(mine, job))[-1] == "succeeded"


async def test_an_expiry_that_has_passed_is_not_carried_over(
    mine: httpx.AsyncClient, database: Database
) -> None:
    job = await finished(mine, database, expires_at=FAR)
    assert (await replay(mine, job)).json()["expires_at"] == FAR
    async with database.raw() as db:
        await db.execute("UPDATE jobs SET expires_at = now()")
    assert (await replay(mine, job)).json()["expires_at"] is None


async def test_a_job_that_is_not_over_cannot_be_replayed(mine: httpx.AsyncClient, database: Database) -> None:
    job = await make(mine)
    answer = await replay(mine, job)
    assert (answer.status_code, answer.json()["code"]) == (409, "job_not_finished")
    await claim(database)
    assert (await replay(mine, job)).status_code == 409


async def test_a_finished_job_can_be_replayed_again_and_tells_so(
    mine: httpx.AsyncClient, database: Database
) -> None:
    job = await finished(mine, database)
    new = [(await replay(mine, job)).json()["id"] for _ in range(2)]
    assert len(set(new)) == 2
    events = (await mine.get(f"/v1/jobs/{job['id']}/events")).json()["items"][-2:]
    assert [(event["kind"], event["data"]["replayed_as"]) for event in events] == [
        ("replayed", id) for id in new
    ]


async def test_a_cancelled_job_can_be_replayed(mine: httpx.AsyncClient) -> None:
    job = await make(mine)
    await mine.post(f"/v1/jobs/{job['id']}/cancel")
    assert (await replay(mine, job)).status_code == 201


async def test_replaying_a_failed_job_settles_its_dead_letter(
    mine: httpx.AsyncClient, database: Database
) -> None:
    job = await make(mine)
    await settle(database, await claim(database), Outcome.FAILED)
    new = (await replay(mine, job)).json()
    assert (await mine.get(f"/v1/dlq/{job['id']}")).json()["replayed_as"] == new["id"]


async def test_the_same_key_replays_once(mine: httpx.AsyncClient, database: Database) -> None:
    job = await finished(mine, database)
    answers = await asyncio.gather(*(replay(mine, job, key="k") for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert (await kinds(mine, job)).count("replayed") == 1


async def test_a_key_is_for_one_job_and_one_request(mine: httpx.AsyncClient, database: Database) -> None:
    one, two = await finished(mine, database), await finished(mine, database)
    assert (await replay(mine, one, key="k")).status_code == 201
    for answer in (await replay(mine, two, key="k"), await replay(mine, one, key="k", priority=1)):
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_foreign_job_cannot_be_replayed(
    mine: httpx.AsyncClient, theirs: httpx.AsyncClient, database: Database
) -> None:
    job = await finished(mine, database)
    for id in (job["id"], str(uuid4()), "x"):
        assert (await theirs.post(f"/v1/jobs/{id}/replay", json={})).status_code == 404
