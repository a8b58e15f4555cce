"""PATCH /v1/jobs/{id}: another target, as long as no attempt has been made."""

import base64
from typing import Any

import httpx
import msgspec
import pytest

from core.db import Database
from core.jobs.model import Lease, Outcome
from core.sealing import Keyring
from core.tenants.store import header_context
from tests.integration.app.jobs.orders import URL, claim, make, read, settle
from tests.integration.app.jobs.test_read import kinds


async def edit(api: httpx.AsyncClient, job: dict[str, Any], **target: Any) -> httpx.Response:
    return await api.patch(f"/v1/jobs/{job['id']}", json={"target": target})


async def changed(api: httpx.AsyncClient, job: dict[str, Any], **target: Any) -> dict[str, Any]:
    """The target as it reads after a change."""
    answer = await edit(api, job, **target)
    assert answer.status_code == 200, answer.text
    assert answer.json() == await read(api, job)
    now: dict[str, Any] = answer.json()["target"]
    return now


async def faults(api: httpx.AsyncClient, job: dict[str, Any], **target: Any) -> list[tuple[str, str]]:
    """What is wrong with a change, which leaves the job as it was."""
    answer = await edit(api, job, **target)
    assert answer.status_code == 422, answer.text
    assert await read(api, job) == job
    return [(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]]


def secrets(lease: Lease, keyring: Keyring) -> dict[str, str]:
    """What a scheduler opens."""
    assert lease.sealed_headers is not None
    opened = keyring.open(lease.sealed_headers, context=header_context(lease.tenant_id))
    return msgspec.json.decode(opened, type=dict[str, str])


@pytest.fixture
async def job(mine: httpx.AsyncClient) -> dict[str, Any]:
    """A job with everything a target can have."""
    return await make(
        mine,
        url=URL,
        method="PUT",
        headers={"X-Plain": "1", "X-Team": "hush", "Authorization": "Bearer t"},
        secret_headers=["X-Team"],
        body={"n": 1},
    )


async def test_url_and_method_change_and_the_rest_stays(mine: httpx.AsyncClient, job: dict[str, Any]) -> None:
    now = await changed(mine, job, url=URL + "/2", method="PATCH")
    assert now == job["target"] | {"url": URL + "/2", "method": "PATCH"}
    assert (await changed(mine, job, method=None))["method"] == "POST"


async def test_the_edited_target_is_what_is_claimed(
    mine: httpx.AsyncClient, database: Database, keyring: Keyring, job: dict[str, Any]
) -> None:
    await changed(mine, job, url=URL + "/2", headers={"X-Team": "new", "X-Plain": None}, body_text="hi")
    lease = await claim(database)
    assert msgspec.json.decode(lease.target) == {
        "url": URL + "/2",
        "method": "PUT",
        "headers": {},
        "secret_headers": ["Authorization", "X-Team"],
        "body_kind": "text",
    }
    assert lease.body == b"hi"
    assert secrets(lease, keyring) == {"Authorization": "Bearer t", "X-Team": "new"}


async def test_headers_are_merged_by_name_in_any_case(mine: httpx.AsyncClient, job: dict[str, Any]) -> None:
    now = await changed(mine, job, headers={"x-plain": "2", "X-New": "3", "authorization": None, "No": None})
    assert now["headers"] == {"x-plain": "2", "X-New": "3", "X-Team": "***"}
    assert now["secret_headers"] == ["X-Team"]


async def test_secrets_that_are_not_named_keep_their_seal(
    mine: httpx.AsyncClient, database: Database, job: dict[str, Any]
) -> None:
    async with database.raw() as db:
        before = await db.fetchval("SELECT sealed_headers FROM jobs")
        await changed(mine, job, url=URL + "/2", headers={"X-Plain": "2"})
        assert await db.fetchval("SELECT sealed_headers FROM jobs") == before
        await changed(mine, job, headers={"X-Team": "other"})
        after = await db.fetchval("SELECT sealed_headers FROM jobs")
    assert after != before
    assert b"other" not in after


async def test_all_headers_can_go(mine: httpx.AsyncClient, database: Database, job: dict[str, Any]) -> None:
    now = await changed(mine, job, headers=None)
    assert (now["headers"], now["secret_headers"]) == ({}, [])
    assert (await claim(database)).sealed_headers is None


async def test_the_mask_of_a_secret_is_no_secret(mine: httpx.AsyncClient, job: dict[str, Any]) -> None:
    found = await faults(mine, job, headers={"authorization": "***", "X-Team": "***"})
    assert sorted(found) == [
        ("/target/headers/X-Team", "masked_value"),
        ("/target/headers/authorization", "masked_value"),
    ]


async def test_a_plain_header_becomes_a_secret_by_a_mark(
    mine: httpx.AsyncClient, database: Database, keyring: Keyring, job: dict[str, Any]
) -> None:
    now = await changed(mine, job, secret_headers=["x-plain", "X-Team"])
    assert now["headers"] == dict.fromkeys(("X-Plain", "X-Team", "Authorization"), "***")
    assert secrets(await claim(database), keyring)["X-Plain"] == "1"


async def test_a_secret_does_not_show_because_its_mark_is_gone(
    mine: httpx.AsyncClient, job: dict[str, Any]
) -> None:
    assert await faults(mine, job, secret_headers=[]) == [("/target/secret_headers", "masked_value")]
    assert await faults(mine, job, secret_headers=None) == [("/target/secret_headers", "masked_value")]
    now = await changed(mine, job, secret_headers=[], headers={"X-Team": "open"})
    assert now["headers"]["X-Team"] == "open"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"body": {"b": 2}}, {"body": {"b": 2}}),
        ({"body_text": ""}, {"body_text": ""}),
        ({"body_base64": "AP8="}, {"body_base64": "AP8="}),
        ({"body": None, "body_text": "x"}, {"body_text": "x"}),
        ({"body": None}, {}),
        ({"body_text": None}, {}),
    ],
)
async def test_a_body_is_replaced_whole(
    mine: httpx.AsyncClient, job: dict[str, Any], given: dict[str, Any], shown: dict[str, Any]
) -> None:
    now = await changed(mine, job, **given)
    assert {name: value for name, value in now.items() if name.startswith("body")} == shown


async def test_a_new_body_is_sent_as_it_was_written(
    mine: httpx.AsyncClient, database: Database, job: dict[str, Any]
) -> None:
    raw = b'{"target": {"body": { "b" : 1.0, "a": 1e400 }}}'
    answer = await mine.patch(
        f"/v1/jobs/{job['id']}", content=raw, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 200
    assert (await claim(database)).body == b'{"b":1.0,"a":1e400}'


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"url": None}, [("/target/url", "wrong_type")]),
        ({"url": "x"}, [("/target/url", "url_scheme")]),
        ({"method": "TRACE"}, [("/target/method", "not_allowed")]),
        ({"type": "carrier_pigeon"}, [("/target/type", "unsupported_target")]),
        ({"body": 1, "body_text": "x"}, [("/target", "conflicting")]),
        ({"body_base64": "A"}, [("/target/body_base64", "wrong_format")]),
        ({"headers": {"A": "1", "a": "2"}}, [("/target/headers/a", "header_repeated")]),
        ({"headers": {str(n): "" for n in range(62)}}, [("/target/headers", "too_many_headers")]),
        ({"headers": {"A": "x" * 16_384}}, [("/target/headers", "headers_too_large")]),
        ({"secret_headers": ["X-Team", "Nix"]}, [("/target/secret_headers/1", "unknown_header")]),
        ({"url": "http://10.0.0.1/"}, [("/target/url", "destination_refused")]),
    ],
)
async def test_a_target_that_cannot_be_is_refused(
    mine: httpx.AsyncClient, job: dict[str, Any], given: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    assert await faults(mine, job, **given) == found


async def test_a_body_that_is_too_large_is_refused(mine: httpx.AsyncClient, job: dict[str, Any]) -> None:
    answer = await edit(mine, job, body_base64=base64.b64encode(bytes(1024 * 1024 + 1)).decode())
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
    assert await read(mine, job) == job


@pytest.mark.promise(4)
async def test_after_an_attempt_the_target_stands(
    mine: httpx.AsyncClient, database: Database, job: dict[str, Any]
) -> None:
    await settle(database, await claim(database), Outcome.FAILED, retry_seconds=30.0)
    before = await read(mine, job)
    for target in ({"url": URL + "/2"}, {"headers": {"X-New": "1"}}, {"body": None}, {"method": "PUT"}):
        answer = await edit(mine, job, **target)
        assert (answer.status_code, answer.json()["code"]) == (409, "job_not_editable")
    assert await read(mine, job) == before


async def test_a_lease_that_was_given_back_unused_is_no_attempt(
    mine: httpx.AsyncClient, database: Database, job: dict[str, Any]
) -> None:
    await settle(database, await claim(database), None)
    assert (await changed(mine, job, url=URL + "/2"))["url"] == URL + "/2"
    lease = await claim(database)
    assert (lease.attempt, msgspec.json.decode(lease.target)["url"]) == (1, URL + "/2")


async def test_the_history_names_what_was_changed_and_no_value(
    mine: httpx.AsyncClient, job: dict[str, Any]
) -> None:
    target = {"url": URL + "/2", "headers": {"Authorization": "Bearer hush"}, "body_text": "secret"}
    await mine.patch(f"/v1/jobs/{job['id']}", json={"target": target, "labels": {"a": "b"}, "priority": 3})
    assert await kinds(mine, job) == ["created", "queued", "edited"]
    event = (await mine.get(f"/v1/jobs/{job['id']}/events")).json()["items"][-1]
    assert event["data"] == {
        "changed": ["labels", "priority", "target.body", "target.headers", "target.url"],
        "priority": 3,
    }
