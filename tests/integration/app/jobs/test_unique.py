"""At most one job of its kind: every mode, every end that makes room again, and races."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from core.db import Database
from core.jobs.model import Outcome
from reaper.upkeep import Upkeep
from tests.integration.app.jobs.orders import claim, make, order, read, settle

LATER = 3600
KEY: dict[str, Any] = {"key": "invoice-42"}


async def ask(api: httpx.AsyncClient, **given: Any) -> httpx.Response:
    return await api.post("/v1/jobs", json=order(**given))


async def count(database: Database, table: str = "jobs") -> int:
    async with database.raw() as db:
        found: int = await db.fetchval(f"SELECT count(*) FROM {table}")
    return found


async def add_queue(database: Database, name: str) -> None:
    async with database.raw() as db:
        await db.execute(
            "INSERT INTO queues (id, tenant_id, name) SELECT $1, tenant_id, $2 FROM users WHERE email = $3",
            uuid4(), name, "me@example.com",
        )  # fmt: skip


def is_refused(answer: httpx.Response, twin: dict[str, Any], place: str = "/unique") -> bool:
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "not_unique"), answer.text
    [fault] = problem["errors"]
    return (fault["pointer"], fault["twin"]) == (place, twin["id"]) and twin["id"] in problem["detail"]


async def test_a_job_tells_what_it_is_unique_by(mine: httpx.AsyncClient) -> None:
    job = await make(mine, unique=KEY, delay_seconds=LATER)
    expected = {"key": "invoice-42", "window_seconds": None, "on_conflict": "reject"}
    assert job["unique"] == expected
    assert (await read(mine, job))["unique"] == expected
    [listed] = (await mine.get("/v1/jobs")).json()["items"]
    assert listed["unique"] == expected


async def test_a_job_that_asks_for_nothing_is_not_unique(mine: httpx.AsyncClient, database: Database) -> None:
    assert (await make(mine))["unique"] is None
    await make(mine)
    assert await count(database, "uniques") == 0


async def test_a_twin_by_key_is_rejected_and_the_one_that_stands_is_named(
    mine: httpx.AsyncClient, database: Database
) -> None:
    first = await make(mine, unique=KEY, delay_seconds=LATER)
    assert is_refused(await ask(mine, unique=KEY, body={"other": 1}), first)
    assert await count(database) == 1


async def test_another_key_is_no_twin(mine: httpx.AsyncClient) -> None:
    await make(mine, unique=KEY)
    await make(mine, unique={"key": "invoice-43"})


async def test_a_twin_by_request_is_found_whatever_its_spelling(mine: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json"}
    one = b'{"target":{"url":"http://127.0.0.1:9/a","body":{"a":[1,2],"b":1.50}},"unique":{}}'
    two = b'{"unique":{}, "target":{"body":{"b" : 15e-1, "a": [1,  2.0]},"url":"http://127.0.0.1:9/a"},"priority":"high"}'
    first = await mine.post("/v1/jobs", content=one, headers=headers)
    assert first.status_code == 201
    assert is_refused(await mine.post("/v1/jobs", content=two, headers=headers), first.json())


@pytest.mark.parametrize(
    "other",
    [
        {"body": [2, 1]},
        {"body": [1, 2], "method": "PUT"},
        {"body": [1, 2], "headers": {"X-Team": "a"}},
        {"body": [1, 2], "url": "http://127.0.0.1:9/other"},
        {"body_text": "[1,2]"},
    ],
)
async def test_another_request_is_no_twin(mine: httpx.AsyncClient, other: dict[str, Any]) -> None:
    await make(mine, body=[1, 2], unique={})
    await make(mine, **other, unique={})


async def test_a_secret_counts_and_is_not_to_be_found_in_what_is_kept(
    mine: httpx.AsyncClient, database: Database
) -> None:
    first = await make(mine, headers={"authorization": "hush hush"}, unique={})
    await make(mine, headers={"Authorization": "another"}, unique={})
    assert is_refused(await ask(mine, headers={"Authorization": "hush hush"}, unique={}), first)
    async with database.raw() as db:
        kept = await db.fetch(
            "SELECT u::text || j.uniqueness::text FROM uniques u JOIN jobs j ON j.id = u.job_id"
        )
    assert not any("hush" in row[0] for row in kept)


async def test_another_queue_and_another_tenant_have_their_own(
    mine: httpx.AsyncClient, theirs: httpx.AsyncClient, database: Database
) -> None:
    await add_queue(database, "slow")
    await make(mine, unique=KEY)
    await make(mine, unique=KEY, queue="slow")
    await make(theirs, unique=KEY)


async def test_a_twin_is_returned_as_it_is_now(mine: httpx.AsyncClient, database: Database) -> None:
    first = await make(mine, unique=KEY)
    await claim(database)
    answer = await ask(mine, unique=KEY | {"on_conflict": "return"})
    assert (answer.status_code, answer.headers["Unique-Returned"]) == (200, "true")
    assert answer.headers["Location"] == f"/v1/jobs/{first['id']}"
    assert (answer.json()["id"], answer.json()["state"]) == (first["id"], "running")
    assert await count(database) == 1


async def test_a_waiting_twin_is_replaced(mine: httpx.AsyncClient, database: Database) -> None:
    first = await make(mine, unique=KEY, delay_seconds=LATER)
    second = await make(mine, unique=KEY | {"on_conflict": "replace"}, delay_seconds=LATER)
    assert (await read(mine, first))["state"] == "cancelled"
    third = await make(mine, unique=KEY | {"on_conflict": "replace"})
    assert (await read(mine, second))["state"] == "cancelled"
    assert is_refused(await ask(mine, unique=KEY), third)


async def test_a_running_twin_is_not_replaced(mine: httpx.AsyncClient, database: Database) -> None:
    first = await make(mine, unique=KEY)
    await claim(database)
    assert is_refused(await ask(mine, unique=KEY | {"on_conflict": "replace"}), first)
    assert (await read(mine, first))["state"] == "running"


async def test_a_twin_that_waits_for_a_retry_has_started_and_is_not_replaced(
    mine: httpx.AsyncClient, database: Database
) -> None:
    first = await make(mine, unique=KEY)
    await settle(database, await claim(database), Outcome.FAILED, retry_seconds=60.0)
    assert is_refused(await ask(mine, unique=KEY | {"on_conflict": "replace"}), first)
    assert (await read(mine, first))["state"] == "scheduled"


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.FAILED, Outcome.BLOCKED])
async def test_there_is_room_again_once_a_job_has_ended(
    mine: httpx.AsyncClient, database: Database, outcome: Outcome
) -> None:
    await make(mine, unique=KEY)
    await settle(database, await claim(database), outcome)
    second = await make(mine, unique=KEY)
    assert is_refused(await ask(mine, unique=KEY), second)


async def test_there_is_room_again_once_a_job_is_cancelled(mine: httpx.AsyncClient) -> None:
    first = await make(mine, unique=KEY)
    assert (await mine.post(f"/v1/jobs/{first['id']}/cancel")).status_code == 200
    await make(mine, unique=KEY)


async def test_a_success_stands_until_its_window_is_over(mine: httpx.AsyncClient, database: Database) -> None:
    windowed = KEY | {"window_seconds": 600}
    first = await make(mine, unique=windowed)
    await settle(database, await claim(database))
    assert is_refused(await ask(mine, unique=windowed), first)
    assert is_refused(await ask(mine, unique=windowed | {"on_conflict": "replace"}), first)
    async with database.raw() as db:
        await db.execute("UPDATE uniques SET until = now() - interval '1 second'")
    await make(mine, unique=windowed)


async def test_a_failure_has_no_window(mine: httpx.AsyncClient, database: Database) -> None:
    windowed = KEY | {"window_seconds": 600}
    await make(mine, unique=windowed)
    await settle(database, await claim(database), Outcome.FAILED)
    await make(mine, unique=windowed)


async def test_a_window_that_is_over_does_not_end_a_job(mine: httpx.AsyncClient, database: Database) -> None:
    first = await make(mine, unique=KEY | {"window_seconds": 1}, delay_seconds=LATER)
    async with database.raw() as db:
        await db.execute("UPDATE uniques SET until = now() - interval '1 second'")
    assert is_refused(await ask(mine, unique=KEY), first)


async def test_an_erased_job_is_unique_by_nothing(mine: httpx.AsyncClient, database: Database) -> None:
    first = await make(mine, unique=KEY | {"window_seconds": 600})
    await settle(database, await claim(database))
    assert (await mine.post(f"/v1/jobs/{first['id']}/erase")).status_code == 204
    assert (await read(mine, first))["unique"] is None
    await make(mine, unique=KEY)


async def test_a_job_that_retention_took_stands_no_more(mine: httpx.AsyncClient, database: Database) -> None:
    first = await make(mine, unique=KEY | {"window_seconds": 600})
    await settle(database, await claim(database))
    async with database.raw() as db:
        await db.execute("DELETE FROM endings WHERE job_id = $1", UUID(first["id"]))
        await db.execute("DELETE FROM jobs WHERE id = $1", UUID(first["id"]))
    await make(mine, unique=KEY)


async def test_the_same_request_is_its_own_job_whatever_it_says_of_conflicts(
    mine: httpx.AsyncClient, database: Database
) -> None:
    for mode in ("reject", "return", "replace"):
        body = order(unique={"key": mode, "on_conflict": mode}, delay_seconds=LATER)
        answers = [
            await mine.post("/v1/jobs", json=body, headers={"Idempotency-Key": mode}) for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [201, 200]
        assert answers[1].headers["Idempotent-Replayed"] == "true"
        assert "Unique-Returned" not in answers[1].headers
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert answers[1].json()["state"] == "scheduled"
    assert await count(database) == 3


async def test_the_same_request_does_not_take_the_place_again(
    mine: httpx.AsyncClient, database: Database
) -> None:
    headers = {"Idempotency-Key": "k"}
    first = await mine.post("/v1/jobs", json=order(unique=KEY), headers=headers)
    await settle(database, await claim(database))
    again = await mine.post("/v1/jobs", json=order(unique=KEY), headers=headers)
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    assert (await ask(mine, unique=KEY)).status_code == 201


async def test_a_refusal_keeps_no_idempotency_key(mine: httpx.AsyncClient, database: Database) -> None:
    await make(mine, unique=KEY)
    headers = {"Idempotency-Key": "k"}
    assert (await mine.post("/v1/jobs", json=order(unique=KEY), headers=headers)).status_code == 409
    await settle(database, await claim(database))
    assert (await mine.post("/v1/jobs", json=order(unique=KEY), headers=headers)).status_code == 201


async def test_an_unknown_queue_is_told_and_no_place_is_taken(
    mine: httpx.AsyncClient, database: Database
) -> None:
    answer = await ask(mine, unique=KEY, queue="nope")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "unknown_queue")
    assert await count(database, "uniques") == 0


@pytest.mark.parametrize(
    "unique",
    [{"key": ""}, {"key": "k" * 256}, {"window_seconds": 0}, {"on_conflict": "ignore"}, {"by": "key"}, 1],
)
async def test_what_makes_no_sense_is_refused(mine: httpx.AsyncClient, unique: Any) -> None:
    answer = await ask(mine, unique=unique)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith("/unique")


@pytest.mark.parametrize("given", [KEY, {}])
async def test_of_twenty_at_once_exactly_one_is_accepted(
    mine: httpx.AsyncClient, database: Database, given: dict[str, Any]
) -> None:
    for number in range(8):
        body = {"body": number, "unique": given | ({"key": str(number)} if given else {})}
        answers = await asyncio.gather(*(ask(mine, **body) for _ in range(20)))
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
        [made] = [answer.json() for answer in answers if answer.status_code == 201]
        assert all(is_refused(answer, made) for answer in answers if answer.status_code == 409)
    assert await count(database) == 8


async def test_of_twenty_at_once_one_takes_over_from_what_has_ended(
    mine: httpx.AsyncClient, database: Database
) -> None:
    for number in range(4):
        answers = await asyncio.gather(*(ask(mine, unique=KEY) for _ in range(20)))
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19, number
        await settle(database, await claim(database))


async def test_of_twenty_replacing_at_once_one_is_left(mine: httpx.AsyncClient, database: Database) -> None:
    replacing = KEY | {"on_conflict": "replace"}
    answers = await asyncio.gather(*(ask(mine, unique=replacing, delay_seconds=LATER) for _ in range(20)))
    assert [answer.status_code for answer in answers] == [201] * 20
    assert (await count(database, "timers"), await count(database, "endings")) == (1, 19)


async def test_while_jobs_end_there_is_never_more_than_one(
    mine: httpx.AsyncClient, database: Database
) -> None:
    answers: list[int] = []
    over = asyncio.Event()

    async def create() -> None:
        while not over.is_set():
            answers.append((await ask(mine, unique=KEY)).status_code)

    async def purge() -> None:
        while not over.is_set():
            await Upkeep(database).uniques()

    creating = [asyncio.create_task(each) for each in (*(create() for _ in range(6)), purge())]
    for _ in range(25):
        while not await count(database, "ready"):
            pass
        assert await count(database, "ready") + await count(database, "leases") == 1
        await settle(database, await claim(database))
    over.set()
    await asyncio.gather(*creating)
    assert set(answers) == {201, 409}
    assert answers.count(201) == await count(database)
    assert await count(database, "jobs j WHERE NOT EXISTS (SELECT FROM endings WHERE job_id = j.id)") <= 1


async def test_what_stands_no_more_is_purged_and_the_rest_is_kept(
    mine: httpx.AsyncClient, database: Database
) -> None:
    await make(mine, unique={"key": "over"})
    await settle(database, await claim(database))
    await make(mine, unique={"key": "in its window", "window_seconds": 600})
    await settle(database, await claim(database))
    kept = await make(mine, unique={"key": "waiting"})
    await Upkeep(database).uniques()
    assert await count(database, "uniques") == 2
    assert is_refused(await ask(mine, unique={"key": "waiting"}), kept)


async def test_a_replay_is_unique_too(mine: httpx.AsyncClient, database: Database) -> None:
    first = await make(mine, unique=KEY)
    await settle(database, await claim(database), Outcome.FAILED)
    standing = await make(mine, unique=KEY)
    for path in (f"/v1/jobs/{first['id']}/replay", f"/v1/dlq/{first['id']}/replay"):
        assert is_refused(await mine.post(path), standing)
    await settle(database, await claim(database))
    again = await mine.post(f"/v1/dlq/{first['id']}/replay")
    assert (again.status_code, again.json()["unique"]) == (201, first["unique"])
    assert is_refused(await ask(mine, unique=KEY), again.json())


async def test_a_job_does_not_stand_in_the_way_of_its_own_replay(
    mine: httpx.AsyncClient, database: Database
) -> None:
    first = await make(mine, unique=KEY | {"window_seconds": 600})
    await settle(database, await claim(database))
    assert (await mine.post(f"/v1/jobs/{first['id']}/replay")).status_code == 201


async def test_of_dead_letters_that_are_twins_one_is_replayed_in_bulk(
    mine: httpx.AsyncClient, database: Database
) -> None:
    for key in ("a", "a", "b", "c"):
        await make(mine, unique={"key": key})
        await settle(database, await claim(database), Outcome.FAILED)
    await make(mine, unique={"key": "c"})
    answer = await mine.post("/v1/dlq:replay", json={"all": True})
    assert answer.json() == {"matched": 4, "replayed": 2, "more": False}
    assert await count(database, "dead_letters WHERE replayed_as IS NULL") == 2


async def test_the_walk_over_places_goes_on_until_its_end(
    mine: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reaper.upkeep._BATCH", 2)
    for number in range(5):
        job = await make(mine, unique={"key": str(number)})
        await mine.post(f"/v1/jobs/{job['id']}/cancel")
    upkeep = Upkeep(database)
    assert [await upkeep.uniques() for _ in range(4)] == [1, 1, 0, 0]
    assert await count(database, "uniques") == 0
