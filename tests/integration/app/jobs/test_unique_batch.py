"""Batches of jobs of which at most one of a kind may stand: all of them or none."""

import asyncio
import random
from typing import Any

import httpx

from core.db import Database
from tests.integration.app.jobs.orders import claim, make, order, read
from tests.integration.app.jobs.test_unique import count

LATER = 3600


def one(key: str, mode: str = "reject", **given: Any) -> dict[str, Any]:
    return order(unique={"key": key, "on_conflict": mode}, delay_seconds=LATER, **given)


async def ask(api: httpx.AsyncClient, *jobs: dict[str, Any], key: str | None = None) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await api.post("/v1/jobs:batch", json={"jobs": jobs}, headers=headers)


async def test_a_batch_without_twins_is_stored(mine: httpx.AsyncClient, database: Database) -> None:
    answer = await ask(mine, one("a"), order(), one("b"))
    assert (answer.status_code, answer.json()["returned"]) == (201, [])
    assert [job["unique"] and job["unique"]["key"] for job in answer.json()["items"]] == ["a", None, "b"]
    assert await count(database, "uniques") == 2


async def test_twins_in_one_batch_are_told_with_their_places_and_nothing_is_stored(
    mine: httpx.AsyncClient, database: Database
) -> None:
    answer = await ask(mine, one("a"), one("b"), one("a", "return"), order(), one("a"))
    assert (answer.status_code, answer.json()["code"]) == (409, "not_unique")
    told = [(fault["pointer"], fault["message"]) for fault in answer.json()["errors"]]
    assert told == [
        ("/jobs/2/unique", "is a twin of /jobs/0"),
        ("/jobs/4/unique", "is a twin of /jobs/0"),
    ]
    assert (await count(database), await count(database, "uniques")) == (0, 0)


async def test_twins_that_stand_are_told_with_their_places_and_nothing_is_stored(
    mine: httpx.AsyncClient, database: Database
) -> None:
    twins = [await make(mine, unique={"key": key}) for key in ("a", "b")]
    answer = await ask(mine, one("c"), one("b"), one("a"))
    assert answer.status_code == 409
    told = [(fault["pointer"], fault["twin"]) for fault in answer.json()["errors"]]
    assert told == [("/jobs/1/unique", twins[1]["id"]), ("/jobs/2/unique", twins[0]["id"])]
    assert (await count(database), await count(database, "uniques")) == (2, 2)


async def test_twins_are_returned_in_their_places(mine: httpx.AsyncClient, database: Database) -> None:
    twin = await make(mine, unique={"key": "a"})
    answer = await ask(mine, one("a", "return"), one("b", "return"))
    assert (answer.status_code, answer.json()["returned"]) == (201, [0])
    assert answer.headers["Unique-Returned"] == "true"
    assert answer.json()["items"][0]["id"] == twin["id"]
    again = await ask(mine, one("a", "return"), one("b", "return"))
    assert (again.status_code, again.json()["returned"]) == (200, [0, 1])
    assert await count(database) == 2


async def test_waiting_twins_are_replaced(mine: httpx.AsyncClient) -> None:
    twins = [await make(mine, unique={"key": key}, delay_seconds=LATER) for key in ("a", "b")]
    answer = await ask(mine, one("b", "replace"), one("a", "replace"), one("c", "replace"))
    assert answer.status_code == 201
    assert [(await read(mine, twin))["state"] for twin in twins] == ["cancelled", "cancelled"]


async def test_one_twin_that_has_started_keeps_all_others(
    mine: httpx.AsyncClient, database: Database
) -> None:
    waiting = await make(mine, unique={"key": "a"}, delay_seconds=LATER)
    running = await make(mine, unique={"key": "b"})
    await claim(database)
    answer = await ask(mine, one("a", "replace"), one("b", "replace"))
    assert answer.status_code == 409
    assert [fault["twin"] for fault in answer.json()["errors"]] == [running["id"]]
    assert (await read(mine, waiting))["state"] == "scheduled"


async def test_batches_that_want_the_same_places_in_any_order_do_not_block_each_other(
    mine: httpx.AsyncClient, database: Database
) -> None:
    keys = [str(number) for number in range(12)]
    batches = [[one(key, "replace") for key in random.sample(keys, len(keys))] for _ in range(16)]
    answers = await asyncio.gather(*(ask(mine, *batch) for batch in batches))
    assert [answer.status_code for answer in answers] == [201] * 16
    assert (await count(database, "timers"), await count(database, "endings")) == (12, 15 * 12)


async def test_the_same_batch_is_its_own_jobs(mine: httpx.AsyncClient, database: Database) -> None:
    await make(mine, unique={"key": "a"})
    batch = [one("a", "return"), one("b"), one("c", "replace")]
    first = await ask(mine, *batch, key="k")
    again = await ask(mine, *batch, key="k")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.headers["Idempotent-Replayed"] == "true"
    ids = [job["id"] for job in first.json()["items"]]
    # What was not made by it is not its own.
    assert [job["id"] for job in again.json()["items"]] == ids[1:]
    assert await count(database) == 3
