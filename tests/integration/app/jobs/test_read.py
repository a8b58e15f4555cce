"""Reading a job on its way: its state, its attempts, its history."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from core.db import Database
from core.jobs import store as jobs
from core.jobs.model import Outcome
from tests.integration.app.jobs.orders import REPLICA, claim, come_due, make, read, settle


async def attempts(api: httpx.AsyncClient, job: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await api.get(f"/v1/jobs/{job['id']}/attempts")
    assert answer.status_code == 200, answer.text
    assert answer.json()["next_cursor"] is None
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def kinds(api: httpx.AsyncClient, job: dict[str, Any]) -> list[str]:
    answer = await api.get(f"/v1/jobs/{job['id']}/events")
    assert answer.status_code == 200, answer.text
    return [event["kind"] for event in answer.json()["items"]]


async def test_a_claimed_job_is_running_with_an_open_attempt(
    mine: httpx.AsyncClient, database: Database
) -> None:
    job = await make(mine)
    lease = await claim(database)
    now = await read(mine, job)
    assert (now["state"], now["attempts_made"], now["attempts_left"]) == ("running", 1, 3)
    assert now["next_attempt_at"] is None
    [attempt] = await attempts(mine, job)
    assert attempt == dict.fromkeys(
        (
            *("outcome", "finished_at", "duration_ms", "bytes_sent", "response", "exit_code", "result_error"),
            "error",
        )
    ) | {
        "number": 1,
        "replica_id": str(REPLICA),
        "started_at": now["started_at"],
        "request_id": f"{lease.request_id}-1",
    }


async def test_a_job_claimed_ahead_is_scheduled_until_its_instant(
    mine: httpx.AsyncClient, database: Database
) -> None:
    job = await make(mine, delay_seconds=60)
    async with database.raw() as db:
        await jobs.claim_ahead(db, replica=REPLICA, limit=1, seconds=120)
    now = await read(mine, job)
    assert (now["state"], now["attempts_made"], now["started_at"]) == ("scheduled", 0, None)
    assert now["next_attempt_at"] == job["fire_at"]
    assert await attempts(mine, job) == []


async def test_a_success_shows_what_was_answered(mine: httpx.AsyncClient, database: Database) -> None:
    job = await make(mine)
    answer: dict[str, Any] = {
        "status": 201,
        "headers": b'{"X-A":"1"}',
        "body": "h\u00e9".encode(),
        "bytes_sent": 99,
    }
    await settle(database, await claim(database), duration=0.25, started_ago=0.25, request_id="r-1", **answer)
    now = await read(mine, job)
    assert (now["state"], now["attempts_made"], now["attempts_left"]) == ("succeeded", 1, 0)
    shown = {"status": 201, "headers": {"X-A": "1"}, "body": "h\u00e9", "truncated": False}
    assert now["result"] == shown
    [attempt] = await attempts(mine, job)
    assert (attempt["response"], attempt["bytes_sent"], attempt["duration_ms"]) == (shown, 99, 250)
    assert attempt["outcome"] == "succeeded"
    assert now["started_at"] == attempt["started_at"]
    took = datetime.fromisoformat(attempt["finished_at"]) - datetime.fromisoformat(attempt["started_at"])
    assert took == timedelta(seconds=0.25)


@pytest.mark.parametrize(
    ("body", "truncated", "shown"),
    [
        (b"\xff\x00", False, {"body_base64": "/wA="}),
        (b"", False, {"body": ""}),
        (None, False, {"body": ""}),
        (b"a\x00b", False, {"body": "a\x00b"}),
        ("h\u00e9".encode()[:-1], True, {"body": "h"}),
        ("h\u00e9".encode()[:-1], False, {"body_base64": "aMM="}),
    ],
)
async def test_a_response_is_text_where_it_can_be(
    mine: httpx.AsyncClient, database: Database, body: bytes | None, truncated: bool, shown: dict[str, str]
) -> None:
    job = await make(mine)
    await settle(database, await claim(database), status=200, body=body, truncated=truncated)
    result = (await read(mine, job))["result"]
    assert result == {"status": 200, "headers": {}, "truncated": truncated} | shown


async def test_a_failure_is_told_while_the_job_waits_for_its_retry(
    mine: httpx.AsyncClient, database: Database
) -> None:
    job = await make(mine)
    error = {"error_code": "http_503", "error_message": "The target answered 503."}
    await settle(database, await claim(database), Outcome.FAILED, retry_seconds=30.0, status=503, **error)
    now = await read(mine, job)
    assert (now["state"], now["attempts_made"], now["attempts_left"]) == ("scheduled", 1, 3)
    assert now["last_error"] == {"code": "http_503", "message": "The target answered 503."}
    assert now["fire_at"] == job["fire_at"] < now["next_attempt_at"]
    assert now["result"] is None


async def test_attempts_are_numbered_in_order_and_the_fire_time_stays(
    mine: httpx.AsyncClient, database: Database
) -> None:
    job = await make(mine)
    for status in (500, 502):
        await settle(database, await claim(database), Outcome.FAILED, retry_seconds=1.0, status=status)
        await come_due(database)
    await claim(database)
    tried = await attempts(mine, job)
    assert [(one["number"], one["outcome"]) for one in tried] == [(1, "failed"), (2, "failed"), (3, None)]
    assert [one["response"]["status"] for one in tried[:2]] == [500, 502]
    now = await read(mine, job)
    assert now["fire_at"] == job["fire_at"]
    assert now["started_at"] == tried[0]["started_at"]


async def test_a_failed_job_names_its_last_error_and_has_no_attempt_left(
    mine: httpx.AsyncClient, database: Database
) -> None:
    job = await make(mine)
    lease = await claim(database)
    await settle(database, lease, Outcome.TIMED_OUT, error_code="timeout", error_message="Too late.")
    now = await read(mine, job)
    assert (now["state"], now["attempts_made"], now["attempts_left"]) == ("failed", 1, 0)
    assert now["last_error"] == {"code": "timeout", "message": "Too late."}
    assert now["finished_at"] is not None
    [attempt] = await attempts(mine, job)
    assert attempt["error"] == {"code": "timeout", "message": "Too late."}
    assert attempt["response"] is None


async def test_a_lost_attempt_is_closed_as_lost(mine: httpx.AsyncClient, database: Database) -> None:
    job = await make(mine)
    await settle(database, await claim(database), Outcome.LOST, retry_seconds=0.0, error_code="replica_lost")
    assert [one["outcome"] for one in await attempts(mine, job)] == ["lost"]


async def test_the_history_is_told_in_order(mine: httpx.AsyncClient, database: Database) -> None:
    job = await make(mine, delay_seconds=60)
    await come_due(database)
    await settle(database, await claim(database), Outcome.FAILED, retry_seconds=30.0, error_code="http_503")
    await come_due(database)
    await settle(database, await claim(database), Outcome.FAILED, error_code="http_400", status=400)
    assert await kinds(mine, job) == [
        "created", "queued", "started", "retrying", "queued", "started", "failed", "dead_lettered",
    ]  # fmt: skip
    events = (await mine.get(f"/v1/jobs/{job['id']}/events")).json()["items"]
    assert events[0]["at"] == job["created_at"]
    assert events[3]["data"]["error_code"] == "http_503"
    assert "retry_at" in events[3]["data"]
    assert events[6] | {"id": "", "at": ""} == {
        "id": "", "at": "", "kind": "failed", "attempt": 2,
        "data": {"outcome": "failed", "error_code": "http_400", "status": 400},
    }  # fmt: skip


async def test_a_long_history_comes_in_pages(mine: httpx.AsyncClient, database: Database) -> None:
    job = await make(mine)
    for _ in range(3):
        await settle(database, await claim(database), Outcome.FAILED, retry_seconds=1.0)
        await come_due(database)
    whole = (await mine.get(f"/v1/jobs/{job['id']}/events")).json()
    assert whole["next_cursor"] is None
    pages, cursor = [], None
    while True:
        parameters = {"limit": 4} | ({"cursor": cursor} if cursor else {})
        page = (await mine.get(f"/v1/jobs/{job['id']}/events", params=parameters)).json()
        pages.append(page["items"])
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [len(page) for page in pages] == [4, 4, 3]
    assert [event for page in pages for event in page] == whole["items"]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "cursor=",
        "cursor=x",
        "cursor=%00",
        "cursor=" + "A" * 23,
        "cursor=\u00e9",
    ],
)
async def test_a_page_that_cannot_be_is_refused(mine: httpx.AsyncClient, query: str) -> None:
    job = await make(mine)
    answer = await mine.get(f"/v1/jobs/{job['id']}/events?{query}")
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_foreign_job_has_no_attempts_and_no_history(
    mine: httpx.AsyncClient, theirs: httpx.AsyncClient
) -> None:
    job = await make(mine)
    for what in ("attempts", "events"):
        for id in (job["id"], str(UUID(int=0)), str(UUID(int=2**128 - 1)), str(uuid4()), "x"):
            assert (await theirs.get(f"/v1/jobs/{id}/{what}")).status_code == 404
