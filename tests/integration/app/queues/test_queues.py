"""Queues as things: made, read, listed, changed, paused, deleted; and what holds for the jobs in them."""

from typing import Any
from uuid import UUID

import httpx
import pytest

from core.db import Database
from core.jobs import store as jobs
from core.jobs.model import Outcome
from tests.integration.app.jobs.orders import REPLICA, claim, come_due, make, order, read, settle

POLICY = {"max_attempts": 7, "backoff": "linear", "base_seconds": 5.0, "max_seconds": 60.0, "jitter": 0.0}


async def create(api: httpx.AsyncClient, name: str = "imports", **given: Any) -> dict[str, Any]:
    answer = await api.post("/v1/queues", json={"name": name} | given)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def actions(api: httpx.AsyncClient) -> list[str]:
    items = (await api.get("/v1/audit")).json()["items"]
    return [entry["action"] for entry in items if entry["action"].startswith("queue.")][::-1]


async def limited(database: Database) -> list[tuple[str, bool]]:
    async with database.raw() as db:
        return [tuple(row) for row in await db.fetch("SELECT name, limited FROM queues ORDER BY id")]


async def test_a_new_queue_has_no_limits(mine: httpx.AsyncClient) -> None:
    answer = await mine.post("/v1/queues", json={"name": "imports"})
    made = answer.json()
    assert made == made | {
        "name": "imports", "paused": False, "max_concurrency": None, "rate": None, "retry": None,
        "timeout_seconds": None,
    }  # fmt: skip
    assert (await mine.get(answer.headers["location"])).json() == made
    assert (await mine.get("/v1/queues/imports")).json() == made


async def test_a_queue_keeps_what_it_was_given(mine: httpx.AsyncClient) -> None:
    given: dict[str, Any] = {
        "max_concurrency": 3,
        "rate": {"count": 5, "period_seconds": 2.0, "burst": 4},
        "retry": POLICY,
    }
    made = await create(mine, paused=True, timeout_seconds=9, **given)
    assert made == made | given | {"paused": True, "timeout_seconds": 9}
    assert (await mine.get(f"/v1/queues/{made['id']}")).json() == made


async def test_every_tenant_has_a_queue_to_begin_with(mine: httpx.AsyncClient) -> None:
    assert [queue["name"] for queue in (await mine.get("/v1/queues")).json()["items"]] == ["default"]


async def test_queues_are_listed_page_after_page(mine: httpx.AsyncClient) -> None:
    for name in ("a", "b"):
        await create(mine, name)
    first = (await mine.get("/v1/queues", params={"limit": 2})).json()
    rest = (await mine.get("/v1/queues", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [queue["name"] for queue in first["items"] + rest["items"]] == ["default", "a", "b"]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize("name", ["", "a/b", "a b", ".a", "ä", "a\n", str(UUID(int=7)), "a" * 256])
async def test_a_name_that_could_not_stand_in_a_path_is_refused(mine: httpx.AsyncClient, name: str) -> None:
    answer = await mine.post("/v1/queues", json={"name": name})
    assert await refused(answer) == (422, "validation_failed")
    assert answer.json()["errors"][0]["pointer"] == "/name"


async def test_two_queues_cannot_have_one_name(mine: httpx.AsyncClient) -> None:
    await create(mine)
    await create(mine, "other")
    assert await refused(await mine.post("/v1/queues", json={"name": "imports"})) == (409, "queue_exists")
    answer = await mine.patch("/v1/queues/other", json={"name": "imports"})
    assert await refused(answer) == (409, "queue_exists")


async def test_a_patch_changes_what_it_names_and_nothing_else(mine: httpx.AsyncClient) -> None:
    made = await create(mine, max_concurrency=3, rate={"count": 5, "burst": 4}, retry=POLICY)
    changed = await mine.patch(
        "/v1/queues/imports",
        json={"name": "exports", "rate": {"count": 6}, "retry": {"max_attempts": 2}, "timeout_seconds": 7},
    )
    assert changed.status_code == 200, changed.text
    assert changed.json() == made | {
        "name": "exports", "timeout_seconds": 7, "retry": POLICY | {"max_attempts": 2},
        "rate": {"count": 6, "period_seconds": 1.0, "burst": 4},
    }  # fmt: skip
    assert (await mine.get("/v1/queues/exports")).json() == changed.json()


async def test_null_takes_a_setting_away(mine: httpx.AsyncClient, database: Database) -> None:
    await create(mine, max_concurrency=3, rate={"count": 5}, retry=POLICY, timeout_seconds=4)
    nothing = dict.fromkeys(("max_concurrency", "rate", "retry", "timeout_seconds"))
    changed = (await mine.patch("/v1/queues/imports", json=nothing)).json()
    assert changed == changed | nothing
    assert await limited(database) == [("default", False), ("imports", False)]


async def test_a_rate_needs_its_count(mine: httpx.AsyncClient) -> None:
    answer = await mine.patch("/v1/queues/default", json={"rate": {"burst": 2}})
    assert answer.json()["errors"][0]["pointer"] == "/rate/count"


async def test_a_policy_that_fits_no_job_fits_no_queue(mine: httpx.AsyncClient) -> None:
    for retry in ({"base_seconds": 10, "max_seconds": 5}, {"max_attempts": 22}):
        answer = await mine.post("/v1/queues", json={"name": "q", "retry": retry})
        assert await refused(answer) == (422, "validation_failed")


async def test_default_stays(mine: httpx.AsyncClient) -> None:
    assert await refused(await mine.delete("/v1/queues/default")) == (409, "queue_is_default")
    answer = await mine.patch("/v1/queues/default", json={"name": "other"})
    assert await refused(answer) == (409, "queue_is_default")


@pytest.mark.parametrize("order", [{}, {"delay_seconds": 60}], ids=["queued", "scheduled"])
async def test_a_queue_with_a_waiting_job_stays(mine: httpx.AsyncClient, order: dict[str, Any]) -> None:
    await create(mine)
    await make(mine, queue="imports", **order)
    assert await refused(await mine.delete("/v1/queues/imports")) == (409, "queue_not_empty")


async def test_a_queue_with_a_running_job_stays(mine: httpx.AsyncClient, database: Database) -> None:
    await create(mine)
    await make(mine, queue="imports")
    await claim(database)
    assert await refused(await mine.delete("/v1/queues/imports")) == (409, "queue_not_empty")


async def test_what_ended_in_a_deleted_queue_stays_readable(
    mine: httpx.AsyncClient, database: Database
) -> None:
    await create(mine, max_concurrency=1)
    job = await make(mine, queue="imports")
    await settle(database, await unlimited_claim(database, job), Outcome.FAILED)
    assert (await mine.delete("/v1/queues/imports")).status_code == 204
    assert (await mine.get("/v1/queues/imports")).status_code == 404
    assert (await read(mine, job))["queue"] == "imports"
    for path in ("/v1/jobs", "/v1/dlq"):
        assert len((await mine.get(path, params={"queue": "imports"})).json()["items"]) == 1
    assert (await mine.post("/v1/jobs", json=order(queue="imports"))).status_code == 422


async def unlimited_claim(database: Database, job: dict[str, Any]) -> Any:
    """Its queue's limit lifted, so that it can be claimed as others are."""
    async with database.raw() as db:
        await db.execute("UPDATE queues SET limited = false")
    return await claim(database)


async def test_the_name_of_a_deleted_queue_is_free(mine: httpx.AsyncClient) -> None:
    first = await create(mine)
    assert (await mine.delete(f"/v1/queues/{first['id']}")).status_code == 204
    assert (await create(mine))["id"] != first["id"]
    await make(mine, queue="imports", delay_seconds=60)


async def test_jobs_that_say_nothing_do_as_their_queue_says(mine: httpx.AsyncClient) -> None:
    await create(mine, retry=POLICY, timeout_seconds=9)
    job = await make(mine, queue="imports", delay_seconds=60)
    assert (job["retry"], job["timeout_seconds"]) == (POLICY, 9)
    assert await read(mine, job) == job


async def test_what_a_job_says_is_stronger_than_its_queue(mine: httpx.AsyncClient) -> None:
    await create(mine, retry=POLICY, timeout_seconds=9)
    job = await make(mine, queue="imports", timeout_seconds=11, retry={"max_attempts": 1}, delay_seconds=60)
    retry = job["retry"]
    assert (retry["max_attempts"], retry["base_seconds"], job["timeout_seconds"]) == (1, 30.0, 11)


async def test_a_queues_defaults_hold_for_jobs_made_after_them(mine: httpx.AsyncClient) -> None:
    job = await make(mine, delay_seconds=60)
    await mine.patch("/v1/queues/default", json={"timeout_seconds": 9})
    assert (await read(mine, job))["timeout_seconds"] == 30
    batch = await mine.post("/v1/jobs:batch", json={"jobs": [order(delay_seconds=60)]})
    assert batch.json()["items"][0]["timeout_seconds"] == 9


async def test_nothing_of_a_paused_queue_is_claimed(mine: httpx.AsyncClient, database: Database) -> None:
    made = await create(mine)
    ready = await make(mine, queue="imports")
    await make(mine, queue="imports", delay_seconds=0.5)
    assert (await mine.post("/v1/queues/imports/pause")).json()["paused"] is True
    later = await make(mine, queue="imports")
    async with database.raw() as db:
        assert not (await jobs.survey(db, since=None)).lanes
        assert not await jobs.claim(db, [(UUID(made["id"]), 10, None)], replica=REPLICA)
        assert not await jobs.claim_ahead(db, replica=REPLICA, limit=10, seconds=1.0)
    assert {(await read(mine, job))["state"] for job in (ready, later)} == {"queued"}


async def test_a_resumed_queue_goes_on_with_all_of_it(mine: httpx.AsyncClient, database: Database) -> None:
    made = await create(mine, paused=True)
    for delay in (0, 60):
        await make(mine, queue="imports", delay_seconds=delay)
    await come_due(database)
    assert (await mine.post(f"/v1/queues/{made['id']}/resume")).json()["paused"] is False
    async with database.raw() as db:
        await jobs.plan(db, limit=10, since=None)
        assert len(await jobs.claim(db, [(UUID(made["id"]), 10, None)], replica=REPLICA)) == 2


async def test_what_is_done_to_queues_is_audited(mine: httpx.AsyncClient) -> None:
    await create(mine)
    for _ in range(2):
        await mine.post("/v1/queues/imports/pause")
    await mine.post("/v1/queues/imports/resume")
    await mine.patch("/v1/queues/imports", json={"max_concurrency": 4})
    await mine.patch("/v1/queues/imports", json={"max_concurrency": 4})
    await mine.delete("/v1/queues/imports")
    expected = ["created", "paused", "resumed", "changed", "deleted"]
    assert await actions(mine) == [f"queue.{action}" for action in expected]


async def test_a_tenants_limit_concerns_all_of_its_queues(
    mine: httpx.AsyncClient, database: Database
) -> None:
    tenant = (await mine.get("/v1/tenants/current")).json()
    await create(mine, "a")
    changed = await mine.patch(f"/v1/tenants/{tenant['id']}", json={"max_concurrency": 2})
    assert changed.json() == tenant | {"max_concurrency": 2}
    await create(mine, "b")
    assert await limited(database) == [("default", True), ("a", True), ("b", True)]
    await mine.patch(f"/v1/tenants/{tenant['id']}", json={"max_concurrency": 0})
    assert await limited(database) == [("default", False), ("a", False), ("b", False)]
    assert (await mine.get("/v1/tenants/current")).json() == tenant
