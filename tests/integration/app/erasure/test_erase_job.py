"""POST /v1/jobs/{id}/erase."""

from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest

from core.db import Database
from core.jobs.model import Outcome
from core.settings import Settings
from tests.integration.app.conftest import SignIn, bearer
from tests.integration.app.credentials import carrying, make_token
from tests.integration.app.jobs.orders import claim, settle

PAYLOAD = {
    "target": {
        "url": "http://127.0.0.1:9/hook?canary-query",
        "headers": {"X-Plain": "canary-header", "Authorization": "canary-secret"},
        "body": {"canary-body": True},
    }
}
ANSWER = {"status": 500, "headers": b'{"x": "canary-answer"}', "body": b"canary-response"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, egress_allow="127.0.0.0/8")


@pytest.fixture
async def auth(sign_in: SignIn) -> dict[str, str]:
    return bearer(await sign_in("me@example.com"))


async def make(api: httpx.AsyncClient, auth: dict[str, str]) -> str:
    answer = await api.post("/v1/jobs", json=PAYLOAD, headers=auth)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def failed(api: httpx.AsyncClient, auth: dict[str, str], database: Database) -> str:
    job = await make(api, auth)
    await settle(database, await claim(database), Outcome.FAILED, **ANSWER)
    return job


async def erase(api: httpx.AsyncClient, auth: dict[str, str], job: object) -> httpx.Response:
    return await api.post(f"/v1/jobs/{job}/erase", headers=auth)


async def kept(database: Database) -> str:
    """All that the database has of jobs, as text; bytes are hexadecimal there."""
    async with database.raw() as db:
        rows: list[Any] = [
            await db.fetchval(f"SELECT array_agg(t::text) FROM {table} t")
            for table in ("jobs", "dead_letters", "attempts", "events", "audit")
        ]
    return str(rows)


async def test_nothing_of_the_payload_is_left_anywhere(
    api: httpx.AsyncClient, auth: dict[str, str], database: Database
) -> None:
    job = await failed(api, auth, database)
    before = await kept(database)
    words = ("canary", b"canary".hex())
    assert all(word in before for word in words)
    erased = await erase(api, auth, job)
    assert (erased.status_code, erased.content) == (204, b"")
    after = await kept(database)
    assert not any(word in after for word in words)


async def test_what_happened_can_still_be_read(
    api: httpx.AsyncClient, auth: dict[str, str], database: Database
) -> None:
    job = await failed(api, auth, database)
    before = (await api.get(f"/v1/jobs/{job}", headers=auth)).json()
    await erase(api, auth, job)
    after = (await api.get(f"/v1/jobs/{job}", headers=auth)).json()
    assert after.pop("target") == {
        "type": "http", "url": "http://127.0.0.1:9/hook", "method": "POST", "headers": {},
        "secret_headers": [],
    }  # fmt: skip
    before.pop("target")
    assert after == before
    [attempt] = (await api.get(f"/v1/jobs/{job}/attempts", headers=auth)).json()["items"]
    assert (attempt["outcome"], attempt["response"]["status"]) == ("failed", 500)
    assert (attempt["response"]["headers"], attempt["response"]["body"]) == ({}, "")
    assert (await api.get(f"/v1/dlq/{job}", headers=auth)).status_code == 200


async def test_an_erased_job_is_not_replayed(
    api: httpx.AsyncClient, auth: dict[str, str], database: Database
) -> None:
    job = await failed(api, auth, database)
    await erase(api, auth, job)
    for where in (f"/v1/jobs/{job}/replay", f"/v1/dlq/{job}/replay"):
        answer = await api.post(where, headers=auth)
        assert (answer.status_code, answer.json()["code"]) == (409, "job_erased")


async def test_a_job_that_is_not_over_keeps_what_it_carries(
    api: httpx.AsyncClient, auth: dict[str, str], database: Database
) -> None:
    job = await make(api, auth)
    waiting = await erase(api, auth, job)
    await claim(database)
    running = await erase(api, auth, job)
    for answer in (waiting, running):
        assert (answer.status_code, answer.json()["code"]) == (409, "job_not_finished")
    assert "canary-query" in (await api.get(f"/v1/jobs/{job}", headers=auth)).text


async def test_a_second_time_finds_nothing_more_to_erase(
    api: httpx.AsyncClient, auth: dict[str, str], database: Database
) -> None:
    job = await failed(api, auth, database)
    assert [(await erase(api, auth, job)).status_code for _ in range(2)] == [204, 204]


async def test_a_dead_letter_is_erased_even_if_its_job_is_gone(
    api: httpx.AsyncClient, auth: dict[str, str], database: Database
) -> None:
    job = await failed(api, auth, database)
    async with database.raw() as db:
        await db.execute("DELETE FROM jobs")
    assert (await erase(api, auth, job)).status_code == 204
    assert "canary" not in await kept(database)


async def test_another_job_keeps_its_payload(
    api: httpx.AsyncClient, auth: dict[str, str], database: Database
) -> None:
    job, other = await failed(api, auth, database), await failed(api, auth, database)
    await erase(api, auth, job)
    answer = await api.get(f"/v1/jobs/{other}", headers=auth)
    assert answer.json()["target"]["body"] == {"canary-body": True}


async def test_another_tenants_job_is_as_unknown_as_none(
    api: httpx.AsyncClient, auth: dict[str, str], sign_in: SignIn, database: Database
) -> None:
    job = await failed(api, auth, database)
    other = bearer(await sign_in("somebody.else@example.com"))
    assert (await erase(api, other, job)).status_code == (await erase(api, other, uuid4())).status_code == 404
    assert "canary" in await kept(database)


async def test_an_erasure_is_told_in_the_audit_and_takes_the_admin_scope(
    api: httpx.AsyncClient, auth: dict[str, str], database: Database
) -> None:
    job = await failed(api, auth, database)
    narrow = carrying(await make_token(api, auth, ["jobs:read", "jobs:write"]))
    assert (await erase(api, narrow, job)).status_code == 403
    await erase(api, auth, job)
    newest = (await api.get("/v1/audit", headers=auth)).json()["items"][0]
    assert (newest["action"], newest["subject"], newest["detail"]) == ("job.erased", job, None)
