"""Definitions and registered functions through the whole installation, and their limits over a real fleet."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from core.db import Database
from tests.e2e.fleet import CALM, Fleet
from tests.e2e.session import Session
from tests.e2e.work import Work
from tests.waiting import wait_until

REGISTERED = {
    "echo", "failing", "compute.math", "process.data", "process.batch", "call.api", "encode.video",
    "feeds.import",
}  # fmt: skip


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    return {
        **CALM,
        "NOONMARK_RUNTIMES": "process,function",
        "NOONMARK_FUNCTIONS": "examples.functions",
        "NOONMARK_DATA_DIR": str(tmp_path),
    }


async def published(work: Work) -> dict[str, dict[str, Any]]:
    """The definitions of functions, once a scheduler has told of them."""

    async def look() -> dict[str, dict[str, Any]]:
        items = (await work.api.get("/v1/definitions", params={"limit": 100})).json()["items"]
        found = {one["key"]: one for one in items if one["registered"]}
        return found if found.keys() >= REGISTERED else {}

    found: dict[str, dict[str, Any]] = await wait_until(look, within=30, what="the functions are published")
    return found


async def made(api: httpx.AsyncClient, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = await api.post(path, json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def ended(api: httpx.AsyncClient, job: dict[str, Any]) -> dict[str, Any]:
    async def look() -> dict[str, Any]:
        found: dict[str, Any] = (await api.get(f"/v1/jobs/{job['id']}")).json()
        return found if found["finished_at"] is not None else {}

    over: dict[str, Any] = await wait_until(look, within=60, what="the job's end")
    return over


@asynccontextmanager
async def watching(fleet: Fleet, where: str) -> AsyncIterator[list[int]]:
    """The most leases that any snapshot has shown, of those that fit."""
    over, most, database = asyncio.Event(), [0], Database(fleet.dsn, name="watcher")

    async def watch() -> None:
        while not over.is_set():
            async with database.raw() as db:
                most[0] = max(most[0], await db.fetchval(f"SELECT count(*) FROM leases WHERE {where}"))

    task = asyncio.create_task(watch())
    try:
        yield most
    finally:
        over.set()
        await task
        await database.close()


async def test_registered_functions_are_definitions_that_run(
    fleet: Fleet, work: Work, settings: Mapping[str, str]
) -> None:
    async with fleet.scheduler(settings=settings):
        found = await published(work)
        shown = {key: (one["version"], one["default_max_attempts"], one["timeout_seconds"],
                       one["concurrency_limit"]) for key, one in found.items()}  # fmt: skip
        assert shown == shown | {"echo": (1, 3, 30, None), "failing": (1, 3, 30, None),
                                 "encode.video": (1, 2, 7200, 3),
                                 "feeds.import": (1, 3, 600, 2)}  # fmt: skip
        job = await made(work.api, "/v1/jobs", {"definition": "compute.math@1",
                                                "params": {"operation": "fibonacci", "n": 20}})  # fmt: skip
        over = await ended(work.api, job)
        assert (over["state"], over["definition"], over["result"]) == (
            "succeeded", "compute.math@1", {"operation": "fibonacci", "result": 6765},
        )  # fmt: skip
        refused = await work.api.post("/v1/definitions/echo/run")
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/params")


async def test_a_result_is_held_against_the_schema_of_the_definition(
    fleet: Fleet, work: Work, settings: Mapping[str, str]
) -> None:
    key = f"d{uuid4().hex[:12]}"
    target = {"type": "function", "function": "echo@1"}
    schema = {"properties": {"message": {"type": "integer"}}, "required": ["message"]}
    async with fleet.scheduler(settings=settings):
        await published(work)
        await made(work.api, "/v1/definitions", {"key": key, "target": target, "result_schema": schema})
        fits = await made(work.api, f"/v1/definitions/{key}/run", {"params": {"message": 3}})
        not_fits = await made(work.api, f"/v1/definitions/{key}/run", {"params": {"message": "canary"}})
        # What the definition becomes does not concern them.
        await work.api.patch(f"/v1/definitions/{key}", json={"result_schema": None})
        assert (await ended(work.api, fits))["result"] == {"message": 3}
        over = await ended(work.api, not_fits)
        assert (over["state"], over["result"]) == ("succeeded", None)
    [attempt] = (await work.api.get(f"/v1/jobs/{not_fits['id']}/attempts")).json()["items"]
    assert attempt["error"]["code"] == "result_unfit"
    assert "/message" in attempt["error"]["message"]
    assert "canary" not in attempt["error"]["message"]


@pytest.mark.promise(8)
async def test_twenty_jobs_of_a_definition_never_make_more_than_three_calls_at_once(
    fleet: Fleet, work: Work
) -> None:
    key = f"d{uuid4().hex[:12]}"
    body = work.job("after=0.2")
    template = {"key": key, "concurrency_limit": 3, **body}
    await made(work.api, "/v1/definitions", template)
    async with fleet.crew(3, settings=CALM) as crew, watching(fleet, "limited") as most:
        for scheduler in crew:
            await work.beating(scheduler)
        for _ in range(20):
            job = await made(work.api, f"/v1/definitions/{key}/run")
            work.promise(body, UUID(job["id"]))
        assert {ending.state for ending in await work.ended()} == {"succeeded"}
    assert most == [3]
    marks = list[tuple[float, int]]()
    for one in work.arrivals():
        assert one.over is not None
        marks += [(one.request.at.mono, 1), (one.over.mono, -1)]
    opened = list(accumulate(step for _, step in sorted(marks)))
    assert (len(opened), max(opened)) == (40, 3)


@pytest.mark.promise(8)
async def test_a_functions_limit_holds_over_two_tenants_and_three_schedulers(
    fleet: Fleet, work: Work, settings: Mapping[str, str]
) -> None:
    other = Session(fleet.url)
    params = {"entries": ["a", "b"], "seconds_each": 0.2}
    async with fleet.crew(3, settings=settings), watching(fleet, "shares IS NOT NULL") as most:
        await published(work)
        async with httpx.AsyncClient(base_url=fleet.url, headers=other.headers(), timeout=30) as theirs:
            body = {"definition": "feeds.import@1", "params": params}
            made_by = [(api, await made(api, "/v1/jobs", body)) for api in (work.api, theirs) * 5]
            states = {(await ended(api, job))["state"] for api, job in made_by}
    other.close()
    assert states == {"succeeded"}
    assert most == [2]
