"""POST /v1/jobs: what is taken, what is refused, and what is stored."""

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest

from core.db import Database
from core.sealing import Keyring
from core.tenants.store import header_context
from tests.integration.app.jobs.orders import URL, make, order

FAR = "2099-01-01T00:00:00Z"


async def refused(api: httpx.AsyncClient, **given: Any) -> dict[str, str]:
    """The code of each fault by its place."""
    answer = await api.post("/v1/jobs", json=order(**given))
    assert answer.status_code == 422, answer.text
    return {fault.get("pointer", fault.get("parameter")): fault["code"] for fault in answer.json()["errors"]}


async def count(database: Database, table: str = "jobs") -> int:
    async with database.raw() as db:
        found: int = await db.fetchval(f"SELECT count(*) FROM {table}")
    return found


async def test_a_url_is_enough(mine: httpx.AsyncClient) -> None:
    job = await make(mine)
    assert job["state"] == "queued"
    assert job["target"] == {
        "type": "http", "url": URL, "method": "POST", "headers": {}, "secret_headers": []
    }  # fmt: skip
    assert (job["queue"], job["priority"], job["timeout_seconds"]) == ("default", 50, 30)
    assert job["retry"] == {
        "max_attempts": 4, "backoff": "exponential", "base_seconds": 30.0, "max_seconds": 3600.0,
        "jitter": 0.25,
    }  # fmt: skip
    assert job["success"] == {"status": ["2xx"]}
    assert (job["attempts_made"], job["attempts_left"]) == (0, 4)
    assert job["fire_at"] == job["created_at"] == job["next_attempt_at"]
    empty = (
        "expires_at",
        "last_error",
        "result",
        "started_at",
        "finished_at",
        "cancel_requested_at",
        "replay_of",
    )
    assert all(job[name] is None for name in empty)
    assert job["labels"] == {}


async def test_the_answer_is_what_a_read_gives(mine: httpx.AsyncClient) -> None:
    answer = await mine.post(
        "/v1/jobs",
        json=order(
            method="PUT", headers={"X-A": "1", "Authorization": "Bearer abc"}, body={"b": [1, 2], "a": None},
            delay_seconds=90.5, priority="high", timeout_seconds=600, labels={"team": "billing", "a": "b"},
            expires_at="2100-01-01T00:00:00+02:00", success={"status": ["200", "2xx", "404"]},
            retry={"max_attempts": 2, "backoff": "linear", "base_seconds": 1.5, "max_seconds": 7,
                   "jitter": 0},
        ),
    )  # fmt: skip
    assert answer.status_code == 201
    read = await mine.get(answer.headers["location"])
    assert read.status_code == 200
    assert read.json() == answer.json()


@pytest.mark.parametrize(
    ("given", "shown"),
    [("critical", 100), ("high", 75), ("normal", 50), ("low", 0), (0, 0), (63, 63), (100, 100)],
)
async def test_a_priority_has_a_name_or_a_number(mine: httpx.AsyncClient, given: Any, shown: int) -> None:
    assert (await make(mine, priority=given))["priority"] == shown


async def test_a_fire_time_ahead_schedules(mine: httpx.AsyncClient) -> None:
    job = await make(mine, fire_at="2099-06-01T12:00:00.250000+02:00")
    assert job["state"] == "scheduled"
    assert job["fire_at"] == job["next_attempt_at"] == "2099-06-01T10:00:00.250000Z"


async def test_a_delay_counts_from_the_creation(mine: httpx.AsyncClient) -> None:
    job = await make(mine, delay_seconds=90)
    created, fires = (datetime.fromisoformat(job[name]) for name in ("created_at", "fire_at"))
    assert fires - created == timedelta(seconds=90)


async def test_a_fire_time_that_has_passed_means_now_and_is_kept(mine: httpx.AsyncClient) -> None:
    job = await make(mine, fire_at="2001-01-01T00:00:00Z")
    assert (job["state"], job["fire_at"]) == ("queued", "2001-01-01T00:00:00Z")
    assert job["next_attempt_at"] == job["created_at"]


@pytest.mark.parametrize(
    ("form", "kind", "stored"),
    [
        (b'"body": {"b":  [1.0, 1e400, 0.10],\n "a" : "\\u00e9\\/", "b": -0}', "json",
         b'{"b":[1.0,1e400,0.10],"a":"\\u00e9\\/","b":-0}'),
        (b'"body": null', "json", b"null"),
        (b'"body": "x"', "json", b'"x"'),
        (b'"body_text": "h\\u00e9 "', "text", "h\u00e9 ".encode()),
        (b'"body_text": ""', "text", b""),
        (b'"body_base64": "AP8="', "base64", b"\x00\xff"),
    ],
)  # fmt: skip
async def test_a_body_is_stored_as_it_will_be_sent_and_shown_as_it_was_given(
    mine: httpx.AsyncClient, database: Database, form: bytes, kind: str, stored: bytes
) -> None:
    raw = b'{"target": {"url": "%b", %b}}' % (URL.encode(), form)
    made = await mine.post("/v1/jobs", content=raw, headers={"Content-Type": "application/json"})
    assert made.status_code == 201, made.text
    async with database.raw() as db:
        row = await db.fetchrow("SELECT body, target::jsonb->>'body_kind' AS kind FROM jobs")
    assert (bytes(row["body"]), row["kind"]) == (stored, kind)
    assert (await mine.get(made.headers["location"])).content == made.content
    assert (form.partition(b":")[0].strip() + b":") in made.content


@pytest.mark.promise(11)
async def test_secret_headers_are_sealed_and_never_shown(
    mine: httpx.AsyncClient, database: Database, keyring: Keyring
) -> None:
    secrets = {"Authorization": "Bearer s3cr3t-1", "X-Api-Key": "s3cr3t-2", "X-Customer": "s3cr3t-3"}
    headers = secrets | {"X-A": "1"}
    job = await make(mine, headers=headers, secret_headers=["x-customer"])
    masked = dict.fromkeys(secrets, "***")
    assert job["target"]["headers"] == {"X-A": "1"} | masked
    assert sorted(job["target"]["secret_headers"]) == sorted(masked)
    assert "s3cr3t" not in (await mine.get(f"/v1/jobs/{job['id']}")).text
    async with database.raw() as db:
        row = await db.fetchrow("SELECT tenant_id, sealed_headers, jobs::text AS everything FROM jobs")
    assert "s3cr3t" not in row["everything"]
    opened = msgspec.json.decode(
        keyring.open(row["sealed_headers"], context=header_context(row["tenant_id"]))
    )
    assert opened == {name: headers[name] for name in masked}


async def test_a_mask_is_not_taken_for_a_secret(mine: httpx.AsyncClient) -> None:
    faults = await refused(mine, headers={"Authorization": "***"})
    assert faults == {"/target/headers/Authorization": "masked_value"}


@pytest.mark.parametrize(
    ("given", "faults"),
    [
        ({"url": "ftp://example.com"}, {"/target/url": "url_scheme"}),
        ({"url": "http://u:p@example.com"}, {"/target/url": "url_userinfo"}),
        ({"url": "http://127.1/"}, {"/target/url": "url_host"}),
        ({"url": "http://example.com/" + "x" * 2048}, {"/target/url": "wrong_length"}),
        ({"url": 7}, {"/target/url": "wrong_type"}),
        ({"method": "TRACE"}, {"/target/method": "not_allowed"}),
        ({"method": "post"}, {"/target/method": "not_allowed"}),
        ({"headers": {"Host": "x"}}, {"/target/headers/Host": "header_reserved"}),
        ({"headers": {"X-A": "a\nb"}}, {"/target/headers/X-A": "header_value"}),
        ({"headers": {"X-A": "1", "x-a": "2"}}, {"/target/headers/x-a": "header_repeated"}),
        ({"headers": {f"X-{i}": "1" for i in range(1000)}}, {"/target/headers": "too_many_headers"}),
        ({"headers": {"X-A": "a" * 20_000}}, {"/target/headers": "headers_too_large"}),
        ({"secret_headers": ["X-A"]}, {"/target/secret_headers/0": "unknown_header"}),
        ({"body": 1, "body_text": "x"}, {"/target": "conflicting"}),
        ({"body_base64": "AP8"}, {"/target/body_base64": "wrong_format"}),
        ({"body_base64": "AP8=\n"}, {"/target/body_base64": "wrong_format"}),
        ({"fire_at": "2099-01-01T00:00:00"}, {"/fire_at": "invalid"}),
        ({"fire_at": "tomorrow"}, {"/fire_at": "wrong_format"}),
        ({"fire_at": "infinity"}, {"/fire_at": "wrong_format"}),
        ({"fire_at": "9999-12-31T23:59:59-12:00"}, {"/fire_at": "out_of_range"}),
        ({"fire_at": "0001-01-01T00:00:00+23:59"}, {"/fire_at": "out_of_range"}),
        ({"fire_at": FAR, "delay_seconds": 1}, {"/delay_seconds": "conflicting"}),
        ({"delay_seconds": -1}, {"/delay_seconds": "out_of_range"}),
        ({"delay_seconds": 1e300}, {"/delay_seconds": "out_of_range"}),
        ({"expires_at": "2001-01-01T00:00:00Z"}, {"/expires_at": "too_early"}),
        (
            {"expires_at": "2098-01-01T00:00:00Z", "fire_at": "2099-01-01T00:00:00Z"},
            {"/expires_at": "too_early"},
        ),
        ({"expires_at": "9999-12-31T23:59:59-12:00"}, {"/expires_at": "out_of_range"}),
        ({"queue": "nope"}, {"/queue": "unknown_queue"}),
        ({"queue": ""}, {"/queue": "wrong_length"}),
        ({"queue": "a\x00b"}, {"/queue": "nul_character"}),
        ({"timeout_seconds": 0}, {"/timeout_seconds": "out_of_range"}),
        ({"timeout_seconds": 3601}, {"/timeout_seconds": "out_of_range"}),
        ({"timeout_seconds": 2**70}, {"/timeout_seconds": "out_of_range"}),
        ({"success": {"status": []}}, {"/success/status": "wrong_format"}),
        ({"success": {"status": ["2xx", "1xx"]}}, {"/success/status/1": "wrong_format"}),
        ({"retry": {"max_attempts": 22}}, {"/retry/max_attempts": "out_of_range"}),
        ({"retry": {"max_attempts": 0}}, {"/retry/max_attempts": "out_of_range"}),
        ({"retry": {"backoff": "x"}}, {"/retry/backoff": "not_allowed"}),
        ({"retry": {"jitter": 1.1}}, {"/retry/jitter": "out_of_range"}),
        ({"retry": {"base_seconds": 10, "max_seconds": 5}}, {"/retry/base_seconds": "out_of_range"}),
        ({"retry": {"tries": 5}}, {"/retry/tries": "unknown_field"}),
        ({"labels": {"": "x"}}, {"/labels/": "wrong_length"}),
        ({"labels": {"k" * 64: "x"}}, {"/labels/" + "k" * 64: "wrong_length"}),
        ({"labels": {"a/b": "x\n"}}, {"/labels/a~1b": "control_character"}),
        ({"labels": {"k": "x" * 256}}, {"/labels/k": "wrong_length"}),
        ({"labels": {str(i): "x" for i in range(33)}}, {"/labels": "wrong_length"}),
        ({"colour": "red"}, {"/colour": "unknown_field"}),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_stored(
    mine: httpx.AsyncClient, database: Database, given: dict[str, Any], faults: dict[str, str]
) -> None:
    assert await refused(mine, **given) == faults
    assert [await count(database, table) for table in ("jobs", "timers", "ready", "events")] == [0, 0, 0, 0]


@pytest.mark.parametrize("priority", ["urgent", 101, -1, 1.5, True, None])
async def test_a_priority_outside_its_scale_is_refused(mine: httpx.AsyncClient, priority: Any) -> None:
    assert list(await refused(mine, priority=priority)) == ["/priority"]


async def test_all_faults_are_told_at_once(mine: httpx.AsyncClient) -> None:
    faults = await refused(
        mine, url="gopher://x", headers={"Host": "x"}, body_base64="!", timeout_seconds=0, colour="red",
        priority="urgent", labels={"": "x"}, success={"status": ["9xx"]}, retry={"max_attempts": 99},
        fire_at="2099-01-01T00:00:00Z", delay_seconds=1,
    )  # fmt: skip
    assert set(faults) == {
        "/target/url", "/target/headers/Host", "/target/body_base64", "/timeout_seconds", "/colour",
        "/priority", "/labels/", "/success/status/0", "/retry/max_attempts", "/delay_seconds",
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["pull", "lambda", 7, None])
async def test_a_target_of_no_type_of_ours_is_said_to_be_unsupported(
    mine: httpx.AsyncClient, kind: Any
) -> None:
    answer = await mine.post("/v1/jobs", json={"target": {"type": kind, "image": "alpine"}})
    assert (answer.status_code, answer.json()["code"]) == (422, "unsupported_target")
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/target/type"]


@pytest.mark.parametrize("host", ["10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:10.0.0.1]", "0.0.0.0"])
async def test_a_private_address_is_refused(mine: httpx.AsyncClient, database: Database, host: str) -> None:
    answer = await mine.post("/v1/jobs", json=order(url=f"http://{host}/"))
    assert (answer.status_code, answer.json()["code"]) == (422, "destination_refused")
    assert answer.json()["errors"][0]["pointer"] == "/target/url"
    assert await count(database) == 0


@pytest.mark.parametrize(
    ("size", "status"),
    [(1024 * 1024, 201), (1024 * 1024 + 1, 413), (2 * 1024 * 1024, 413), (11 * 1024 * 1024, 413)],
)
async def test_a_body_may_have_a_mebibyte(
    mine: httpx.AsyncClient, database: Database, size: int, status: int
) -> None:
    answer = await mine.post("/v1/jobs", json=order(body_text="x" * size))
    assert answer.status_code == status
    assert await count(database) == (status == 201)


async def test_a_decoded_body_is_what_is_measured(mine: httpx.AsyncClient) -> None:
    encoded = base64.b64encode(b"\xff" * 1024 * 1024).decode()
    assert (await mine.post("/v1/jobs", json=order(body_base64=encoded))).status_code == 201


async def test_the_same_key_and_request_gives_the_same_job(
    mine: httpx.AsyncClient, database: Database
) -> None:
    key = {"Idempotency-Key": "order-1"}
    first = await mine.post("/v1/jobs", json=order(delay_seconds=60), headers=key)
    again = await mine.post("/v1/jobs", json=order(delay_seconds=60), headers=key)
    assert (first.status_code, again.status_code) == (201, 200)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert again.json() == first.json()
    assert await count(database) == 1


async def test_a_repeated_request_shows_the_job_as_it_is_now(
    mine: httpx.AsyncClient, database: Database
) -> None:
    key = {"Idempotency-Key": "order-1"}
    await mine.post("/v1/jobs", json=order(delay_seconds=60), headers=key)
    async with database.raw() as db:
        await db.execute("UPDATE timers SET due_at = now()")
    again = await mine.post("/v1/jobs", json=order(delay_seconds=60), headers=key)
    assert again.json()["state"] == "queued"


async def test_members_in_another_order_are_the_same_request(mine: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    one = b'{"target":{"url":"http://127.0.0.1/","body":{"a":1.0,"b":1e400}},"priority":1}'
    two = b'{"priority": 1, "target": {"body": {"b": 1e400, "a": 1.0}, "url": "http://127.0.0.1/"}}'
    three = b'{"priority": 1, "target": {"body": {"b": 1e400, "a": "1.0"}, "url": "http://127.0.0.1/"}}'
    answers = [await mine.post("/v1/jobs", content=raw, headers=headers) for raw in (one, two, three)]
    assert [answer.status_code for answer in answers] == [201, 200, 422]


async def test_a_key_used_for_another_request_is_refused(mine: httpx.AsyncClient, database: Database) -> None:
    key = {"Idempotency-Key": "order-1"}
    await mine.post("/v1/jobs", json=order(), headers=key)
    other = await mine.post("/v1/jobs", json=order(priority=1), headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert await count(database) == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "k" * 256, "k\u00e9", "k\x7f"])
async def test_a_key_is_visible_ascii(mine: httpx.AsyncClient, database: Database, key: str) -> None:
    answer = await mine.post("/v1/jobs", json=order(), headers=[(b"Idempotency-Key", key.encode("latin-1"))])
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, "Idempotency-Key")
    assert await count(database) == 0


async def test_a_key_belongs_to_its_tenant(mine: httpx.AsyncClient, theirs: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "k" * 255}
    answers = [await api.post("/v1/jobs", json=order(), headers=key) for api in (mine, theirs)]
    assert [answer.status_code for answer in answers] == [201, 201]


async def test_a_key_may_be_used_again_after_its_time(mine: httpx.AsyncClient, database: Database) -> None:
    key = {"Idempotency-Key": "order-1"}
    first = await mine.post("/v1/jobs", json=order(), headers=key)
    async with database.raw() as db:
        await db.execute("UPDATE idempotency_keys SET expires_at = now()")
    second = await mine.post("/v1/jobs", json=order(priority=1), headers=key)
    assert second.status_code == 201
    assert second.json()["id"] != first.json()["id"]


async def test_a_refused_request_does_not_spend_its_key(mine: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "order-1"}
    assert (await mine.post("/v1/jobs", json=order(queue="nope"), headers=key)).status_code == 422
    assert (await mine.post("/v1/jobs", json=order(), headers=key)).status_code == 201


async def test_fifty_requests_at_once_make_one_job_and_all_name_it(
    mine: httpx.AsyncClient, database: Database
) -> None:
    key = {"Idempotency-Key": "order-1"}
    answers = await asyncio.gather(*(mine.post("/v1/jobs", json=order(), headers=key) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] * 49 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await count(database) == 1


async def test_the_request_and_its_trace_travel_with_the_job(
    mine: httpx.AsyncClient, database: Database
) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    headers = {"X-Request-ID": "order-7", "traceparent": trace}
    await mine.post("/v1/jobs", json=order(), headers=headers)
    async with database.raw() as db:
        assert tuple(await db.fetchrow("SELECT request_id, trace FROM jobs")) == ("order-7", trace)


async def test_jobs_of_another_tenant_and_jobs_that_never_were_look_the_same(
    mine: httpx.AsyncClient, theirs: httpx.AsyncClient
) -> None:
    job = await make(mine)
    answers = [
        await theirs.get(f"/v1/jobs/{id}", headers={"X-Request-ID": "r"}) for id in (job["id"], uuid4(), "x")
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert answers[0].content == answers[1].content
    assert answers[0].json()["code"] == answers[2].json()["code"] == "not_found"


async def test_a_due_timer_that_nobody_planned_reads_queued(
    mine: httpx.AsyncClient, database: Database
) -> None:
    job = await make(mine, delay_seconds=60)
    async with database.raw() as db:
        await db.execute("UPDATE timers SET due_at = now() - interval '1 second'")
    read = (await mine.get(f"/v1/jobs/{job['id']}")).json()
    assert (read["state"], read["fire_at"]) == ("queued", job["fire_at"])
    assert datetime.fromisoformat(read["next_attempt_at"]) < datetime.now(UTC) + timedelta(seconds=1)
