"""/v1/dlq: looking through what failed, and replaying it once."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from core.db import Database
from core.jobs.model import Outcome
from tests.integration.app.jobs.orders import claim, make, read, settle
from tests.integration.app.jobs.test_read import kinds


async def bury(api: httpx.AsyncClient, database: Database, **given: Any) -> dict[str, Any]:
    """A job that failed for good."""
    job = await make(api, **given)
    error = {"error_code": "http_400", "error_message": "The target answered 400."}
    await settle(database, await claim(database), Outcome.FAILED, status=400, **error)
    return job


async def replay(
    api: httpx.AsyncClient, job: dict[str, Any], verb: str = "replay", **given: Any
) -> httpx.Response:
    return await api.post(f"/v1/dlq/{job['id']}/{verb}", json=given)


async def test_no_dead_letters_are_an_empty_list(mine: httpx.AsyncClient) -> None:
    assert (await mine.get("/v1/dlq")).json() == {"items": [], "next_cursor": None}


async def test_a_failed_job_is_a_dead_letter_and_still_readable(
    mine: httpx.AsyncClient, database: Database
) -> None:
    job = await bury(mine, database, body={"a": 1}, headers={"Authorization": "s3cr3t"}, labels={"a": "b"})
    letter = (await mine.get(f"/v1/dlq/{job['id']}")).json()
    shared = set(letter) & set(job) - {"attempts_made", "last_error"}
    assert {name: letter[name] for name in shared} == {name: job[name] for name in shared}
    assert letter["last_error"] == {"code": "http_400", "message": "The target answered 400."}
    assert (letter["attempts_made"], letter["replayed_as"]) == (1, None)
    assert letter["failed_at"] == (await read(mine, job))["finished_at"]
    [listed] = (await mine.get("/v1/dlq")).json()["items"]
    del letter["target"]["body"]
    assert listed == letter


async def test_the_list_comes_in_pages_newest_first(mine: httpx.AsyncClient, database: Database) -> None:
    made = [(await bury(mine, database))["id"] for _ in range(5)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = (
            await mine.get("/v1/dlq", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        ).json()
        seen += [letter["id"] for letter in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        await bury(mine, database)
    assert seen == made[::-1]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "cursor=x", "cursor=%00"])
async def test_a_page_that_cannot_be_is_refused(mine: httpx.AsyncClient, query: str) -> None:
    assert (await mine.get(f"/v1/dlq?{query}")).status_code in (400, 422)


@pytest.mark.parametrize("verb", ["replay", "retry"])
async def test_a_dead_letter_is_replayed_once(mine: httpx.AsyncClient, database: Database, verb: str) -> None:
    job = await bury(mine, database, body={"a": 1})
    answer = await replay(mine, job, verb, retry={"max_attempts": 5})
    assert answer.status_code == 201, answer.text
    new = answer.json()
    assert (new["replay_of"], new["target"], new["state"]) == (job["id"], job["target"], "queued")
    assert new["retry"]["max_attempts"] == 5
    assert (await mine.get(f"/v1/dlq/{job['id']}")).json()["replayed_as"] == new["id"]
    assert (await kinds(mine, job))[-1] == "replayed"
    again = await replay(mine, job, verb)
    assert (again.status_code, again.json()["code"]) == (409, "already_replayed")
    assert new["id"] in again.json()["detail"]


async def test_of_twenty_replays_at_once_one_makes_a_job(mine: httpx.AsyncClient, database: Database) -> None:
    job = await bury(mine, database)
    answers = await asyncio.gather(*(replay(mine, job) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
    async with database.raw() as db:
        assert await db.fetchval("SELECT count(*) FROM jobs WHERE replay_of IS NOT NULL") == 1


async def test_the_same_key_gives_the_same_replay(mine: httpx.AsyncClient, database: Database) -> None:
    job = await bury(mine, database)
    path, key = f"/v1/dlq/{job['id']}/replay", {"Idempotency-Key": "k"}
    answers = await asyncio.gather(*(mine.post(path, headers=key) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert (await mine.post(path, headers=key, json={"priority": 1})).json()[
        "code"
    ] == "idempotency_key_reused"
    assert (await mine.post(path)).json()["code"] == "already_replayed"


async def test_a_key_used_for_another_letter_replays_nothing(
    mine: httpx.AsyncClient, database: Database
) -> None:
    one, two = await bury(mine, database), await bury(mine, database)
    key = {"Idempotency-Key": "k"}
    assert (await mine.post(f"/v1/dlq/{one['id']}/replay", headers=key)).status_code == 201
    answer = await mine.post(f"/v1/dlq/{two['id']}/replay", headers=key)
    assert answer.json()["code"] == "idempotency_key_reused"
    assert (await mine.get(f"/v1/dlq/{two['id']}")).json()["replayed_as"] is None


async def test_a_dead_letter_outlives_its_job(mine: httpx.AsyncClient, database: Database) -> None:
    job = await bury(mine, database, body_text="x", headers={"Authorization": "s3cr3t"})
    async with database.raw() as db:
        await db.execute("DELETE FROM jobs")
    assert (await mine.get(f"/v1/jobs/{job['id']}")).status_code == 404
    new = await replay(mine, job)
    assert (new.status_code, new.json()["target"]) == (201, job["target"])


async def test_a_refused_replay_leaves_the_letter_as_it_was(
    mine: httpx.AsyncClient, database: Database
) -> None:
    job = await bury(mine, database)
    assert (await replay(mine, job, queue="nope")).status_code == 422
    assert (await mine.get(f"/v1/dlq/{job['id']}")).json()["replayed_as"] is None
    assert (await replay(mine, job)).status_code == 201


async def test_letters_of_another_tenant_do_not_exist(
    mine: httpx.AsyncClient, theirs: httpx.AsyncClient, database: Database
) -> None:
    job = await bury(mine, database)
    assert (await theirs.get("/v1/dlq")).json()["items"] == []
    for id in (job["id"], str(uuid4()), "x"):
        assert (await theirs.get(f"/v1/dlq/{id}")).status_code == 404
        assert (await theirs.post(f"/v1/dlq/{id}/replay", json={})).status_code == 404
        assert (await theirs.post(f"/v1/dlq/{id}/retry", json={})).status_code == 404


async def test_a_cursor_is_of_one_list_and_one_tenant(
    mine: httpx.AsyncClient, theirs: httpx.AsyncClient, database: Database
) -> None:
    for _ in range(2):
        await bury(theirs, database)
    letters = (await theirs.get("/v1/dlq?limit=1")).json()["next_cursor"]
    jobs = (await theirs.get("/v1/jobs?limit=1")).json()["next_cursor"]
    for asking, path in ((mine, f"/v1/dlq?cursor={letters}"), (theirs, f"/v1/dlq?cursor={jobs}")):
        answer = await asking.get(path)
        assert answer.status_code == 422
        assert [fault["parameter"] for fault in answer.json()["errors"]] == ["cursor"]
    assert (await theirs.get(f"/v1/jobs?cursor={letters}")).status_code == 422
    assert len((await theirs.get(f"/v1/dlq?cursor={letters}")).json()["items"]) == 1
