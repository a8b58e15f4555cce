"""POST /v1/dlq:replay and /v1/dlq:purge: many dead letters at once, each of them once."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from core.db import Database
from core.jobs.model import Outcome
from tests.integration.app.dead_letters.test_dead_letters import bury
from tests.integration.app.jobs.orders import claim, make, read, settle
from tests.integration.app.jobs.test_list import ids
from tests.integration.app.jobs.test_read import kinds


async def act(api: httpx.AsyncClient, verb: str, **given: Any) -> dict[str, Any]:
    answer = await api.post(f"/v1/dlq:{verb}", json=given)
    assert answer.status_code == 200, answer.text
    counts: dict[str, Any] = answer.json()
    return counts


async def letters(api: httpx.AsyncClient, **given: Any) -> dict[str, Any]:
    """What replays each dead letter, by the letter's id."""
    answer = await api.get("/v1/dlq", params=given)
    assert answer.status_code == 200, answer.text
    return {letter["id"]: letter["replayed_as"] for letter in answer.json()["items"]}


async def bury_by(api: httpx.AsyncClient, database: Database, code: str, **given: Any) -> str:
    """A job that failed for good with this code."""
    job = await make(api, **given)
    await settle(database, await claim(database), Outcome.FAILED, error_code=code, error_message="No.")
    return str(job["id"])


async def test_every_letter_is_replayed_once(mine: httpx.AsyncClient, database: Database) -> None:
    old = [await bury(mine, database, body={"n": number}, headers={"X-Token": "s"}) for number in range(3)]
    assert await act(mine, "replay", all=True) == {"matched": 3, "replayed": 3, "more": False}
    found = await letters(mine)
    for job in old:
        new = await read(mine, {"id": found[job["id"]]})
        assert (new["replay_of"], new["target"], new["state"]) == (job["id"], job["target"], "queued")
        assert (await kinds(mine, job))[-1] == "replayed"
    assert await act(mine, "replay", all=True) == {"matched": 0, "replayed": 0, "more": False}
    assert await letters(mine) == found


async def test_of_many_replays_at_once_each_letter_has_one(
    mine: httpx.AsyncClient, database: Database
) -> None:
    old = [await bury(mine, database) for _ in range(20)]
    singles = [mine.post(f"/v1/dlq/{job['id']}/replay", json={}) for job in old[::2]]
    results = await asyncio.gather(*(act(mine, "replay", all=True) for _ in range(4)), *singles)
    made = sum(one["replayed"] for one in results if isinstance(one, dict))
    made += sum(one.status_code == 201 for one in results if isinstance(one, httpx.Response))
    assert made == 20 == len(set((await letters(mine)).values()))
    assert len(await ids(mine, state="queued")) == 20


async def test_a_throttle_spreads_the_fire_times(
    mine: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.bulk.routes._REPLAYED", 2)
    for _ in range(5):
        await bury(mine, database)
    await act(mine, "replay", all=True, per_second=0.1)
    new = [await read(mine, {"id": id}) for id in (await letters(mine)).values()]
    waits = sorted(
        datetime.fromisoformat(job["fire_at"]) - datetime.fromisoformat(job["created_at"]) for job in new
    )
    assert waits == [timedelta(seconds=10 * number) for number in range(5)]


async def test_a_dry_run_only_counts(mine: httpx.AsyncClient, database: Database) -> None:
    job = await bury(mine, database)
    assert (await act(mine, "replay", all=True, dry_run=True))["matched"] == 1
    assert (await act(mine, "purge", all=True, dry_run=True)) == {"matched": 1, "purged": 0, "more": False}
    assert await letters(mine) == {job["id"]: None}
    assert (await mine.get("/v1/audit")).json()["items"] == []


async def test_what_was_erased_is_not_replayed(mine: httpx.AsyncClient, database: Database) -> None:
    job = await bury(mine, database)
    assert (await mine.post(f"/v1/jobs/{job['id']}/erase")).status_code == 204
    assert (await act(mine, "replay", all=True))["matched"] == 0


async def test_a_list_and_the_bulk_actions_have_the_same_filters(
    mine: httpx.AsyncClient, theirs: httpx.AsyncClient, database: Database
) -> None:
    one = await bury_by(mine, database, "timeout", labels={"team": "billing"})
    two = await bury_by(mine, database, "http_status", url="http://127.0.0.1:9/other")
    await bury_by(theirs, database, "timeout", labels={"team": "billing"})
    failed = (await mine.get(f"/v1/dlq/{two}")).json()["failed_at"]
    for given, labels, found in (
        ({}, {}, {one, two}),
        ({"error_code": "timeout"}, {}, {one}),
        ({"error_code": "time"}, {}, set()),
        ({"queue": "default"}, {}, {one, two}),
        ({"queue": "nope"}, {}, set()),
        ({"url_contains": "/other"}, {}, {two}),
        ({"failed_after": failed}, {}, {two}),
        ({"failed_before": failed}, {}, {one}),
        ({}, {"team": "billing"}, {one}),
        ({"error_code": "http_status"}, {"team": "billing"}, set()),
    ):
        listed = await letters(mine, **given, label=[f"{name}={value}" for name, value in labels.items()])
        assert set(listed) == found, given
        body = given | ({"labels": labels} if labels else {}) or {"all": True}
        assert (await act(mine, "purge", **body, dry_run=True))["matched"] == len(found), given
        assert (await act(mine, "replay", **body, dry_run=True))["matched"] == len(found), given


async def test_purged_letters_are_gone_and_their_jobs_are_not(
    mine: httpx.AsyncClient, theirs: httpx.AsyncClient, database: Database
) -> None:
    old, new = [await bury(mine, database) for _ in range(2)]
    foreign = await bury(theirs, database)
    async with database.raw() as db:
        await db.execute(
            "UPDATE dead_letters SET failed_at = failed_at - interval '1 day' WHERE job_id = $1", old["id"]
        )
    assert await act(mine, "purge", older_than_seconds=3600) == {"matched": 1, "purged": 1, "more": False}
    assert set(await letters(mine)) == {new["id"]}
    assert (await read(mine, old))["state"] == "failed"
    assert (await act(mine, "purge", all=True))["purged"] == 1
    assert await letters(mine) == {}
    assert set(await letters(theirs)) == {foreign["id"]}


async def test_both_are_audited(mine: httpx.AsyncClient, database: Database) -> None:
    await bury(mine, database)
    await act(mine, "replay", queue="default", per_second=2)
    await act(mine, "purge", older_than_seconds=0)
    told = [(one["action"], one["detail"]) for one in (await mine.get("/v1/audit")).json()["items"]]
    assert told == [
        ("dead_letters.purged", {"asked": {}, "purged": 1}),
        ("dead_letters.replayed", {"asked": {"queue": "default", "per_second": 2.0}, "replayed": 1}),
    ]


@pytest.mark.parametrize("verb", ["replay", "purge"])
@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/all"),
        ({"all": True, "error_code": "x"}, "/all"),
        ({"failed_after": "2300-01-01T00:00:00Z"}, "/failed_after"),
        ({"state": ["failed"]}, "/state"),
        ({"per_second": 0, "older_than_seconds": -1, "all": True}, None),
    ],
)
async def test_what_is_no_selection_is_refused(
    mine: httpx.AsyncClient, database: Database, verb: str, body: dict[str, Any], pointer: str | None
) -> None:
    job = await bury(mine, database)
    answer = await mine.post(f"/v1/dlq:{verb}", json=body)
    assert answer.status_code == 422
    pointers = {fault["pointer"] for fault in answer.json()["errors"]}
    assert pointers == ({pointer} if pointer else {"/per_second", "/older_than_seconds"})
    assert await letters(mine) == {job["id"]: None}


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("state=failed", "state"),
        ("failed_after=x", "failed_after"),
        ("label=x", "label"),
        ("error_code=", "error_code"),
        ("limit=101", "limit"),
        ("cursor=" + "A" * 22, "cursor"),
    ],
)
async def test_a_parameter_of_the_list_that_does_not_fit_is_named(
    mine: httpx.AsyncClient, query: str, parameter: str
) -> None:
    answer = await mine.get(f"/v1/dlq?{query}")
    assert answer.status_code == 422
    assert [fault["parameter"] for fault in answer.json()["errors"]] == [parameter]


async def test_a_page_of_letters_looks_at_so_many_only(
    mine: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [await bury_by(mine, database, "timeout" if number == 1 else "x") for number in range(5)]
    monkeypatch.setattr("app.dead_letters.store.LOOKS", 2)
    first = (await mine.get("/v1/dlq", params={"error_code": "timeout"})).json()
    assert first["items"] == []
    second = (await mine.get(f"/v1/dlq?error_code=timeout&cursor={first['next_cursor']}")).json()
    assert [letter["id"] for letter in second["items"]] == [made[1]]
    assert (await act(mine, "replay", error_code="timeout"))["replayed"] == 1
