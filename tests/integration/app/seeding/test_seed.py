"""`python -m app seed`: every state to look at, made once, and in no way special."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.seeding.service import seed
from app.seeding.stories import EMAIL, STORIES
from core.db import Database
from core.sealing import Keyring
from core.tables import metadata
from tests.integration.app.conftest import SignIn, bearer
from tests.integration.app.test_process import Environment, environment, run

__all__ = ["environment"]

STATES = {"scheduled": 10, "queued": 2, "succeeded": 2, "failed": 2, "cancelled": 1}


async def rows(database: Database) -> dict[str, int]:
    """How many there are, of each table."""
    async with database.raw() as db:
        return {
            table.name: await db.fetchval(f"SELECT count(*) FROM {table.name}")
            for table in metadata.sorted_tables
        }


@pytest.fixture
async def demo(
    api: httpx.AsyncClient, database: Database, keyring: Keyring, sign_in: SignIn
) -> httpx.AsyncClient:
    """The API as the demo user sees it."""
    await seed(database, keyring)
    api.headers.update(bearer(await sign_in(EMAIL)))
    return api


async def listed(api: httpx.AsyncClient) -> list[dict[str, Any]]:
    answer = await api.get("/v1/jobs", params={"limit": 100})
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def history(api: httpx.AsyncClient, job: dict[str, Any], what: str) -> list[dict[str, Any]]:
    answer = await api.get(f"/v1/jobs/{job['id']}/{what}")
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_there_is_a_job_in_every_state_that_needs_no_scheduler(demo: httpx.AsyncClient) -> None:
    states = [job["state"] for job in await listed(demo)]
    assert {state: states.count(state) for state in states} == STATES


async def test_a_second_call_changes_nothing(database: Database, keyring: Keyring) -> None:
    first = await seed(database, keyring)
    before = await rows(database)
    second = await seed(database, keyring)
    assert await rows(database) == before
    assert (first.made, second.made) == (sum(STATES.values()), 0)
    assert first.states == second.states == STATES


async def test_two_calls_at_once_make_it_once(database: Database, keyring: Keyring) -> None:
    done = await asyncio.gather(*(seed(database, keyring) for _ in range(4)))
    assert sorted(one.made for one in done) == [0, 0, 0, sum(STATES.values())]
    before = await rows(database)
    assert before["users"] == before["tenants"] == 1
    await seed(database, keyring)
    assert await rows(database) == before


async def test_a_user_who_was_there_gets_the_jobs_and_keeps_his_own(
    api: httpx.AsyncClient, database: Database, keyring: Keyring, sign_in: SignIn
) -> None:
    api.headers.update(bearer(await sign_in(EMAIL)))
    job = {"target": {"url": "https://example.com/"}, "delay_seconds": 60}
    assert (await api.post("/v1/jobs", json=job)).status_code == 201
    await seed(database, keyring)
    assert len(await listed(api)) == sum(STATES.values()) + 1
    assert (await rows(database))["tenants"] == 1


async def test_every_job_stands_in_one_place(database: Database, keyring: Keyring) -> None:
    await seed(database, keyring)
    async with database.raw() as db:
        places = await db.fetch(
            """SELECT j.id, count(p.job_id) FROM jobs j LEFT JOIN (
                 SELECT job_id FROM timers UNION ALL SELECT job_id FROM ready
                 UNION ALL SELECT job_id FROM leases UNION ALL SELECT job_id FROM endings) p
               ON p.job_id = j.id
               GROUP BY j.id"""
        )
        assert {row[1] for row in places} == {1}
        assert await db.fetchval("SELECT count(*) FROM leases") == 0


async def test_what_has_ended_has_its_history(demo: httpx.AsyncClient) -> None:
    letters = {letter["id"]: letter for letter in (await demo.get("/v1/dlq")).json()["items"]}
    for job in await listed(demo):
        tried, told = await history(demo, job, "attempts"), await history(demo, job, "events")
        kinds = [event["kind"] for event in told]
        assert [one["number"] for one in tried] == list(range(1, job["attempts_made"] + 1))
        assert kinds.count("started") == len(tried)
        assert kinds[0] == "created"
        assert (job["finished_at"] is not None) == (job["state"] in ("succeeded", "failed", "cancelled"))
        if job["state"] == "failed":
            assert kinds[-2:] == ["failed", "dead_lettered"]
            assert letters.pop(job["id"])["last_error"] == job["last_error"] == tried[-1]["error"]
        elif job["finished_at"] is not None:
            assert kinds[-1] == job["state"]
        if job["state"] == "succeeded":
            assert (tried[-1]["outcome"], job["result"]["status"]) == ("succeeded", 200)
    assert letters == {}


async def test_times_are_in_order(demo: httpx.AsyncClient) -> None:
    now = datetime.now(UTC)
    for job in await listed(demo):
        tried, told = await history(demo, job, "attempts"), await history(demo, job, "events")
        times = [at(event["at"]) for event in told]
        assert times == sorted(times), [event["kind"] for event in told]
        assert at(job["created_at"]) <= times[0]
        moments = [at(one[name]) for one in tried for name in ("started_at", "finished_at")]
        assert moments == sorted(moments)
        assert all(at(job["created_at"]) < moment < now for moment in moments)
        if job["finished_at"] is not None:
            assert times[-1] == at(job["finished_at"]) < now
        if tried and job["state"] == "scheduled":
            retry_at = at(told[-1]["data"]["retry_at"])
            assert at(job["next_attempt_at"]) == retry_at > now


async def test_jobs_of_the_past_are_of_the_past(demo: httpx.AsyncClient) -> None:
    ages = [(datetime.now(UTC) - at(job["created_at"])).total_seconds() for job in await listed(demo)]
    assert ages == sorted(ages)
    for age, story in zip(ages[::-1], STORIES, strict=False):
        assert story.ago <= age < story.ago + 60


async def test_a_dead_letter_can_be_replayed(demo: httpx.AsyncClient) -> None:
    [letter, _] = (await demo.get("/v1/dlq")).json()["items"]
    answer = await demo.post(f"/v1/dlq/{letter['id']}/replay")
    assert answer.status_code == 201
    assert answer.json()["target"]["headers"]["Authorization"] == "***"


async def test_the_batch_was_created_together(demo: httpx.AsyncClient) -> None:
    answer = await demo.get("/v1/jobs", params={"label": "campaign=spring"})
    found = [UUID(job["id"]).int for job in answer.json()["items"]]
    assert found == list(range(found[0], found[0] - 5, -1))


async def test_the_command_says_what_there_is(environment: Environment) -> None:
    code, out, _ = await run(environment, "seed")
    assert code == 0
    assert out.splitlines()[:2] == [
        f"demo jobs of {EMAIL}: 1 cancelled, 2 failed, 2 queued, 10 scheduled, 2 succeeded",
        "17 jobs are new",
    ]
    code, out, _ = await run(environment, "seed")
    assert (code, out.splitlines()[1]) == (0, "nothing is new: they were there")


async def test_the_command_is_for_development_only(environment: Environment, database: Database) -> None:
    code, out, err = await run(environment | {"NOONMARK_ENV": "production"}, "seed")
    assert (code, out) == (2, "")
    assert err.startswith("NOONMARK_ENV: must be development")
    assert (await rows(database))["users"] == 0


async def test_without_a_database_the_command_fails(environment: Environment) -> None:
    away = environment | {"DATABASE_URL": "postgresql://noonmark@127.0.0.1:9/noonmark"}
    code, _, err = await run(away, "seed")
    assert code == 1
    assert err.splitlines()[-1] == "DATABASE_URL: the database does not answer"
