"""POST /v1/jobs:batch: all of the jobs or none, and every fault of every one."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.jobs import batches
from core.db import Database
from tests.integration.app.jobs.orders import claim, order, read, settle
from tests.integration.app.jobs.test_create import count
from tests.integration.app.jobs.test_list import ids


async def send(api: httpx.AsyncClient, orders: list[Any], **headers: str) -> httpx.Response:
    return await api.post("/v1/jobs:batch", json={"jobs": orders}, headers=headers)


async def refused(api: httpx.AsyncClient, orders: list[Any]) -> dict[str, str]:
    """The code of each fault by its place."""
    answer = await send(api, orders)
    assert answer.status_code == 422, answer.text
    return {fault["pointer"]: fault["code"] for fault in answer.json()["errors"]}


@pytest.mark.promise(1)
async def test_a_thousand_jobs_are_made_in_their_order(mine: httpx.AsyncClient, database: Database) -> None:
    answer = await send(mine, [order(labels={"n": str(number)}) for number in range(1000)])
    assert answer.status_code == 201, answer.text
    items = answer.json()["items"]
    assert [job["labels"]["n"] for job in items] == [str(number) for number in range(1000)]
    made = [job["id"] for job in items]
    assert made == sorted(set(made)) == (await ids(mine, limit=100))[::-1]
    for table in ("jobs", "ready", "history"):
        assert await count(database, table) == 1000 * (1 + (table == "history"))


async def test_a_job_of_a_batch_is_what_a_read_gives_but_for_its_body(mine: httpx.AsyncClient) -> None:
    orders = [
        order(body={"a": 1}, headers={"Authorization": "x"}, delay_seconds=60, priority="low"),
        order(fire_at="2099-01-01T00:00:00+01:00", expires_at="2100-01-01T00:00:00Z", labels={"a": "b"}),
    ]
    for job in (await send(mine, orders)).json()["items"]:
        whole = await read(mine, job)
        whole["target"].pop("body", None)
        assert whole == job


async def test_what_is_wrong_with_any_job_is_told_and_nothing_is_stored(
    mine: httpx.AsyncClient, database: Database
) -> None:
    orders = [
        order(),
        order(url="ftp://x/", labels={"": "x"}),
        order(queue="nope"),
        order(fire_at="2099-01-01T00:00:00Z", delay_seconds=1),
        order(priority=101, queue="nope"),
        {"target": {"url": "http://127.0.0.1/", "what": 1}},
        order(url="http://10.0.0.1/"),
    ]
    assert await refused(mine, orders) == {
        "/jobs/1/target/url": "url_scheme",
        "/jobs/1/labels/": "wrong_length",
        "/jobs/3/delay_seconds": "conflicting",
        "/jobs/4/priority": "out_of_range",
        "/jobs/5/target/what": "unknown_field",
    }
    fitting = [one for index, one in enumerate(orders) if index not in (4, 5)]
    assert await refused(mine, fitting) == {
        "/jobs/1/target/url": "url_scheme",
        "/jobs/1/labels/": "wrong_length",
        "/jobs/2/queue": "unknown_queue",
        "/jobs/3/delay_seconds": "conflicting",
        "/jobs/4/target/url": "destination_refused",
    }
    assert await count(database) == 0


async def test_an_unknown_queue_alone_stores_nothing(mine: httpx.AsyncClient, database: Database) -> None:
    orders = [order(), order(queue="nope"), order(delay_seconds=60), order(queue="also not")]
    assert await refused(mine, orders) == {"/jobs/1/queue": "unknown_queue", "/jobs/3/queue": "unknown_queue"}
    for table in ("jobs", "ready", "timers", "events", "idempotency_keys"):
        assert await count(database, table) == 0


@pytest.mark.parametrize(
    ("orders", "code"),
    [
        ([order(), order(url="http://10.0.0.1/")], "destination_refused"),
        ([order(), order(type="smoke-signal")], "unsupported_target"),
        ([order(type="smoke-signal"), order(url="")], "validation_failed"),
    ],
)
async def test_a_batch_has_the_code_that_its_faulty_jobs_agree_on(
    mine: httpx.AsyncClient, orders: list[Any], code: str
) -> None:
    answer = await send(mine, orders)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/jobs"),
        ({"jobs": []}, "/jobs"),
        ({"jobs": {}}, "/jobs"),
        ({"jobs": [{"target": {"url": "http://127.0.0.1/"}}] * 1001}, "/jobs"),
        ({"jobs": [1]}, "/jobs/0"),
        ({"jobs": [{}]}, "/jobs/0/target"),
        ({"jobs": [order()], "what": 1}, "/what"),
        ([], ""),
    ],
)
async def test_what_is_no_batch_is_refused(mine: httpx.AsyncClient, body: Any, pointer: str) -> None:
    answer = await mine.post("/v1/jobs:batch", json=body)
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]


async def test_of_very_many_faults_a_hundred_are_told(mine: httpx.AsyncClient) -> None:
    assert len(await refused(mine, [order(url="x:/")] * 1000)) == 100


async def test_a_batch_may_be_larger_than_a_job_and_no_larger_than_16_mib(mine: httpx.AsyncClient) -> None:
    large = order(body_text="x" * 1_000_000)
    assert (await send(mine, [large] * 15)).status_code == 201
    assert (await send(mine, [large] * 17)).status_code == 413
    too_large = await send(mine, [order(), order(body_text="x" * (2**20 + 1))])
    assert (too_large.status_code, too_large.json()["code"]) == (413, "payload_too_large")


async def test_the_same_key_and_batch_give_the_same_jobs_as_they_are_now(
    mine: httpx.AsyncClient, database: Database
) -> None:
    orders, key = [order(), order(delay_seconds=60), order(delay_seconds=90)], {"Idempotency-Key": "b-1"}
    first = await send(mine, orders, **key)
    assert (first.status_code, "idempotent-replayed" in first.headers) == (201, False)
    await settle(database, await claim(database), status=200)
    again = await send(mine, orders, **key)
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    before, after = first.json()["items"], again.json()["items"]
    assert [job["id"] for job in after] == [job["id"] for job in before]
    assert [job["state"] for job in after] == ["succeeded", "scheduled", "scheduled"]
    assert after[1:] == before[1:]
    other = await send(mine, orders[:2], **key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert await count(database) == 3


async def test_a_batch_and_a_job_do_not_share_keys(mine: httpx.AsyncClient, database: Database) -> None:
    key = {"Idempotency-Key": "same"}
    assert (await mine.post("/v1/jobs", json=order(), headers=key)).status_code == 201
    assert (await send(mine, [order()], **key)).status_code == 201
    assert await count(database) == 2


async def test_of_twenty_batches_with_one_key_at_once_one_is_made(
    mine: httpx.AsyncClient, database: Database
) -> None:
    answers = await asyncio.gather(
        *(send(mine, [order(), order()], **{"Idempotency-Key": "k"}) for _ in range(20))
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert len({job["id"] for answer in answers for job in answer.json()["items"]}) == 2
    assert await count(database) == 2


async def test_a_key_of_a_batch_may_be_used_again_after_its_time(
    mine: httpx.AsyncClient, database: Database
) -> None:
    key = {"Idempotency-Key": "b-1"}
    first = await send(mine, [order(), order()], **key)
    async with database.raw() as db:
        await db.execute("UPDATE idempotency_keys SET expires_at = now()")
    second = await send(mine, [order()], **key)
    assert (first.status_code, second.status_code) == (201, 201)
    assert await count(database) == 3


async def test_a_refused_batch_does_not_spend_its_key(mine: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "b-1"}
    assert (await send(mine, [order(), order(queue="nope")], **key)).status_code == 422
    assert (await send(mine, [order()], **key)).status_code == 201


async def test_jobs_of_a_key_that_are_gone_are_left_out(mine: httpx.AsyncClient, database: Database) -> None:
    orders, key = [order(), order()], {"Idempotency-Key": "b-1"}
    first = (await send(mine, orders, **key)).json()["items"]
    async with database.raw() as db:
        await db.execute("DELETE FROM jobs WHERE id = $1", UUID(first[0]["id"]))
        again = await send(mine, orders, **key)
        assert again.json()["items"] == first[1:]
        await db.execute("DELETE FROM jobs")
    assert (await send(mine, orders, **key)).status_code == 404


def test_there_is_room_for_a_batch_after_its_first_id() -> None:
    for _ in range(1000):
        found = batches.ids_of(batches.first_id(), 1000)
        assert {id.int >> 10 for id in found} == {found[0].int >> 10}
        assert {(id.version, id.variant) for id in found} == {(7, found[0].variant)}
