"""Limited definitions and functions: their jobs have lanes of their own, and stay in them."""

from typing import Any

import httpx

from core.db import Database
from tests.integration.app.definitions.conftest import Publish
from tests.integration.app.definitions.test_definitions import CALL, COMMAND, create, pointers, refused
from tests.integration.app.definitions.test_jobs import make

ENCODE = {"type": "function", "function": "encode@1"}


async def lanes(database: Database) -> dict[str, tuple[bool, int | None, bool]]:
    """By name: whether it is limited, what by itself, and whether it shares a limit."""
    async with database.raw() as db:
        rows = await db.fetch(
            """SELECT q.name, q.limited, l.max_concurrency, q.shares IS NOT NULL
               FROM queues q LEFT JOIN limits l ON l.id = q.id WHERE q.lane"""
        )
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


async def test_a_limited_definition_has_a_lane_of_its_own(
    mine: httpx.AsyncClient, database: Database
) -> None:
    await create(mine, concurrency_limit=3)
    assert (await make(mine))["queue"] == "definition:report@1"
    assert await lanes(database) == {"definition:report@1": (True, 3, False)}
    shown = (await mine.get("/v1/queues/definition:report@1")).json()
    assert (shown["name"], shown["max_concurrency"]) == ("definition:report@1", 3)
    [listed] = (await mine.get("/v1/jobs", params={"queue": "definition:report@1"})).json()["items"]
    assert listed["definition"] == "report@1"


async def test_jobs_of_a_limited_function_have_a_lane_however_they_name_it(
    mine: httpx.AsyncClient, theirs: httpx.AsyncClient, database: Database, publish: Publish
) -> None:
    await publish(concurrency=2)
    assert (await make(mine, "encode"))["queue"] == "function:encode@1"
    direct = await mine.post("/v1/jobs", json={"target": ENCODE})
    assert direct.json()["queue"] == "function:encode@1"
    await create(mine, target=ENCODE)
    assert (await make(mine))["queue"] == "function:encode@1"
    await create(theirs, "own", target=ENCODE, concurrency_limit=1)
    assert (await make(theirs, "own"))["queue"] == "definition:own@1"
    batch = await theirs.post("/v1/jobs:batch", json={"jobs": [{"target": CALL}, {"target": ENCODE}]})
    assert [one["queue"] for one in batch.json()["items"]] == ["default", "function:encode@1"]
    async with database.raw() as db:
        shared = await db.fetchval("SELECT count(DISTINCT shares) FROM queues WHERE shares IS NOT NULL")
    assert shared == 1


async def test_no_other_queue_can_be_chosen_for_what_is_limited(
    mine: httpx.AsyncClient, publish: Publish
) -> None:
    await publish(concurrency=2)
    await mine.post("/v1/queues", json={"name": "imports"})
    await create(mine, concurrency_limit=3)
    for body in (
        {"definition": "report@1", "queue": "imports"},
        {"target": ENCODE, "queue": "imports"},
        {"target": CALL, "queue": "definition:report@1"},
    ):
        assert pointers(await mine.post("/v1/jobs", json=body)) == ["/queue"]
    assert (await make(mine, queue="default"))["queue"] == "definition:report@1"


async def test_no_job_leaves_or_enters_a_lane(mine: httpx.AsyncClient) -> None:
    await create(mine, target=CALL, concurrency_limit=3)
    inside = await make(mine, delay_seconds=600)
    outside = (await mine.post("/v1/jobs", json={"target": CALL, "delay_seconds": 600})).json()
    leaving = await mine.patch(f"/v1/jobs/{inside['id']}", json={"queue": "default"})
    entering = await mine.patch(f"/v1/jobs/{outside['id']}", json={"queue": "definition:report@1"})
    assert (pointers(leaving), pointers(entering)) == (["/queue"], ["/queue"])
    await mine.post(f"/v1/jobs/{inside['id']}/cancel")
    moved = await mine.post(f"/v1/jobs/{inside['id']}/replay", json={"queue": "default"})
    assert pointers(moved) == ["/queue"]
    again = await mine.post(f"/v1/jobs/{inside['id']}/replay", json={})
    assert again.json()["queue"] == "definition:report@1"


async def test_a_lane_can_be_paused_and_not_be_changed_otherwise(mine: httpx.AsyncClient) -> None:
    await create(mine, concurrency_limit=3)
    lane = "/v1/queues/definition:report@1"
    assert (await mine.post(f"{lane}/pause")).json()["paused"] is True
    assert (await mine.post(f"{lane}/resume")).json()["paused"] is False
    assert refused(await mine.patch(lane, json={"max_concurrency": 9})) == (409, "queue_is_lane")
    assert refused(await mine.delete(lane)) == (409, "queue_is_lane")


async def test_a_changed_limit_holds_for_those_that_wait(mine: httpx.AsyncClient, database: Database) -> None:
    await create(mine, concurrency_limit=3)
    await mine.patch("/v1/definitions/report", json={"concurrency_limit": 5})
    assert await lanes(database) == {"definition:report@1": (True, 5, False)}
    await mine.patch("/v1/definitions/report", json={"concurrency_limit": None})
    assert await lanes(database) == {"definition:report@1": (False, None, False)}
    assert (await make(mine))["queue"] == "default"
    await mine.patch("/v1/definitions/report", json={"concurrency_limit": 2})
    assert await lanes(database) == {"definition:report@1": (True, 2, False)}


async def test_a_limit_outlives_its_definition_and_is_not_the_next_ones(
    mine: httpx.AsyncClient, database: Database
) -> None:
    await create(mine, concurrency_limit=3)
    old = await make(mine, delay_seconds=600)
    await mine.delete("/v1/definitions/report")
    await create(mine, concurrency_limit=9)
    found = await lanes(database)
    assert found.pop("definition:report@1") == (True, 9, False)
    [(name, limit)] = found.items()
    assert (await mine.get(f"/v1/jobs/{old['id']}")).json()["queue"] == name
    assert limit == (True, 3, False)


async def test_a_limited_version_cannot_be_given_another_limited_function(
    mine: httpx.AsyncClient, publish: Publish
) -> None:
    await publish(concurrency=2)
    await publish("render", concurrency=2)
    await create(mine, target=ENCODE, concurrency_limit=1)
    await make(mine)
    other: dict[str, Any] = {"target": {"type": "function", "function": "render@1"}}
    answer = await mine.patch("/v1/definitions/report", json=other)
    assert refused(answer) == (409, "definition_limited")
    assert refused(await mine.patch("/v1/definitions/report", json={"target": COMMAND})) == (
        409, "definition_limited",
    )  # fmt: skip


async def test_a_function_that_is_limited_no_more_keeps_its_lanes(
    mine: httpx.AsyncClient, database: Database, publish: Publish
) -> None:
    await publish(concurrency=2)
    await make(mine, "encode")
    await publish(concurrency=None)
    assert (await make(mine, "encode"))["queue"] == "default"
    await publish(concurrency=4)
    assert (await make(mine, "encode"))["queue"] == "function:encode@1"
    async with database.raw() as db:
        assert await db.fetchval("SELECT max_concurrency FROM limits") == 4
