"""GET /v1/jobs: filters, and pages that hold while jobs come and move."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from app import cursors
from core.db import Database
from core.jobs import store as jobs
from core.jobs.model import Outcome
from tests.integration.app.jobs.orders import REPLICA, claim, come_due, make, read, settle
from tests.jobs import settlement


async def page(api: httpx.AsyncClient, **given: Any) -> dict[str, Any]:
    answer = await api.get("/v1/jobs", params=given)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def walk(api: httpx.AsyncClient, **given: Any) -> AsyncIterator[list[dict[str, Any]]]:
    """Page after page."""
    cursor: str | None = None
    while True:
        found = await page(api, **given, **({"cursor": cursor} if cursor else {}))
        yield found["items"]
        cursor = found["next_cursor"]
        if cursor is None:
            break


async def ids(api: httpx.AsyncClient, **given: Any) -> list[str]:
    return [job["id"] async for items in walk(api, **given) for job in items]


async def refused(api: httpx.AsyncClient, query: str) -> list[str]:
    answer = await api.get(f"/v1/jobs?{query}")
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return [fault["parameter"] for fault in answer.json()["errors"]]


async def test_no_jobs_are_an_empty_page(mine: httpx.AsyncClient) -> None:
    assert await page(mine) == {"items": [], "next_cursor": None}


async def test_a_listed_job_is_what_a_read_gives_but_for_bodies(
    mine: httpx.AsyncClient, database: Database
) -> None:
    job = await make(mine, body={"a": 1}, headers={"Authorization": "x"}, labels={"team": "billing"})
    await settle(database, await claim(database), status=200, headers=b'{"X-A":"1"}', body=b"done")
    whole = await read(mine, job)
    del whole["target"]["body"], whole["result"]["body"]
    assert await page(mine) == {"items": [whole], "next_cursor": None}


async def test_45_jobs_are_three_pages_while_others_come_and_move(
    mine: httpx.AsyncClient, database: Database
) -> None:
    made = [(await make(mine, delay_seconds=60))["id"] for _ in range(45)]
    seen: list[list[str]] = []
    async for items in walk(mine, limit=20):
        seen.append([job["id"] for job in items])
        await make(mine)
        async with database.raw() as db:
            await db.execute("UPDATE timers SET due_at = now() WHERE job_id = ANY($1)", made[20:30])
            await jobs.plan(db, limit=100, since=None)
            queue = await db.fetchval("SELECT queue_id FROM ready LIMIT 1")
            leases = await jobs.claim(db, [(queue, 3, None)], replica=REPLICA)
            retries = [settlement(lease, Outcome.FAILED, retry_seconds=30.0) for lease in leases]
            await jobs.settle(db, retries)
    assert [len(page) for page in seen] == [20, 20, 5]
    assert [id for page in seen for id in page] == made[::-1]


@pytest.fixture
async def zoo(mine: httpx.AsyncClient, database: Database) -> dict[str, str]:
    """A job in each state, by state; the ids ascend."""
    by_state: dict[str, str] = {}
    for state, outcome in (("succeeded", Outcome.SUCCEEDED), ("failed", Outcome.FAILED)):
        by_state[state] = (await make(mine))["id"]
        await settle(database, await claim(database), outcome)
    by_state["cancelled"] = (await make(mine))["id"]
    await mine.post(f"/v1/jobs/{by_state['cancelled']}/cancel")
    for state in ("running", "cancelling"):
        by_state[state] = (await make(mine))["id"]
        await claim(database)
    await mine.post(f"/v1/jobs/{by_state['cancelling']}/cancel")
    by_state["queued"] = (await make(mine))["id"]
    by_state["scheduled"] = (await make(mine, delay_seconds=60))["id"]
    return by_state


@pytest.mark.parametrize("big", [False, True])
async def test_each_state_has_its_list(
    mine: httpx.AsyncClient, zoo: dict[str, str], big: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.jobs.pages.SMALL_BYTES", 0 if big else 2**24)
    for state, id in zoo.items():
        [job] = (await page(mine, state=state))["items"]
        assert (job["state"], job["id"]) == (state, id)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize(
    "states",
    [
        ("queued", "failed"),
        ("succeeded", "failed", "cancelled"),
        ("running", "scheduled"),
        ("queued", "queued"),
    ],
)
async def test_several_states_are_one_list(
    mine: httpx.AsyncClient,
    zoo: dict[str, str],
    states: tuple[str, ...],
    big: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.jobs.pages.SMALL_BYTES", 0 if big else 2**24)
    wanted = sorted({zoo[state] for state in states}, reverse=True)
    assert await ids(mine, state=states) == wanted
    assert await ids(mine, state=states, limit=1) == wanted


async def test_a_due_timer_is_queued_and_a_lease_claimed_ahead_scheduled(
    mine: httpx.AsyncClient, database: Database
) -> None:
    due, ahead = await make(mine, delay_seconds=60), await make(mine, delay_seconds=60)
    async with database.raw() as db:
        await db.execute("UPDATE timers SET due_at = now() WHERE job_id = $1", due["id"])
        await db.execute("UPDATE timers SET due_at = now() + interval '1 s' WHERE job_id = $1", ahead["id"])
        async with db.transaction():
            await db.execute(
                "UPDATE timers SET due_at = due_at + interval '1 h' WHERE job_id = $1", due["id"]
            )
            await jobs.claim_ahead(db, replica=REPLICA, limit=1, seconds=60)
            await db.execute(
                "UPDATE timers SET due_at = due_at - interval '1 h' WHERE job_id = $1", due["id"]
            )
            await db.execute("UPDATE leases SET due_at = due_at + interval '1 h'")
    assert await ids(mine, state="queued") == [due["id"]]
    assert await ids(mine, state="scheduled") == [ahead["id"]]
    assert await ids(mine, state="running") == []


async def test_filters_narrow_a_list_and_all_must_fit(mine: httpx.AsyncClient, database: Database) -> None:
    async with database.raw() as db:
        await db.execute(
            "INSERT INTO queues (id, tenant_id, name) SELECT $1, tenant_id, 'reports' FROM queues", uuid4()
        )
    url = "http://127.0.0.1:9/Reports/x?y=%41"
    one = await make(mine, labels={"team": "billing", "a:b": "c=d"}, fire_at="2099-01-01T00:00:00Z")
    two = await make(mine, labels={"team": "billing", "env": ""}, queue="reports", url=url)
    both = [two["id"], one["id"]]
    for given, found in (
        ({}, both),
        ({"queue": "reports"}, both[:1]),
        ({"queue": "nope"}, []),
        ({"label": "team=billing"}, both),
        ({"label": "team:billing"}, both),
        ({"label": ["team=billing", "env="]}, both[:1]),
        ({"label": "a:b=c=d"}, both[1:]),
        ({"label": "team=bill"}, []),
        ({"url_contains": "/Reports/"}, both[:1]),
        ({"url_contains": "/reports/"}, []),
        ({"url_contains": "%41"}, both[:1]),
        ({"url_contains": "127.0.0.1"}, both),
        ({"fire_after": "2099-01-01T00:00:00Z"}, both[1:]),
        ({"fire_after": "2099-01-01T01:00:00+01:00"}, both[1:]),
        ({"fire_before": "2099-01-01T00:00:00Z"}, both[:1]),
        ({"created_after": two["created_at"]}, both[:1]),
        ({"created_before": two["created_at"]}, both[1:]),
        ({"created_after": "2190-01-01T00:00:00Z"}, []),
        ({"created_before": "1970-01-01T00:00:00Z"}, []),
        ({"queue": "reports", "label": "env=", "state": "queued"}, both[:1]),
        ({"queue": "reports", "label": "env=", "state": "scheduled"}, []),
    ):
        assert await ids(mine, **given) == found, given


async def test_a_page_looks_at_so_many_jobs_only_and_tells_where_to_go_on(
    mine: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [(await make(mine, labels={"n": str(number)}))["id"] for number in range(7)]
    monkeypatch.setattr("app.jobs.pages.LOOKS", 3)
    pages = [[job["id"] for job in items] async for items in walk(mine, label="n=1")]
    assert pages == [[], [made[1]], []]
    assert [len(items) async for items in walk(mine, url_contains="hook", limit=2)] == [2, 2, 2, 1]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("limit=1&limit=2", "limit"),
        ("state=lost", "state"),
        ("state=", "state"),
        ("cursor=", "cursor"),
        ("cursor=x", "cursor"),
        ("cursor=" + "A" * 22, "cursor"),
        ("cursor=\u00e9", "cursor"),
        ("queue=", "queue"),
        ("queue=a&queue=b", "queue"),
        ("label=x", "label"),
        ("label==x", "label"),
        ("label=a=b&label=a=c", "label"),
        ("label=" + "&label=".join(f"n{number}=x" for number in range(33)), "label"),
        ("created_after=yesterday", "created_after"),
        ("created_after=2026-01-01T00:00:00", "created_after"),
        ("created_before=1700000000", "created_before"),
        ("fire_after=0001-01-01T00:00:00%2B23:59", "fire_after"),
        ("fire_before=2200-01-01T00:00:00Z", "fire_before"),
        ("url_contains=", "url_contains"),
        ("url_contains=" + "x" * 2049, "url_contains"),
        ("States=failed", "States"),
        ("offset=3", "offset"),
    ],
)
async def test_a_parameter_that_does_not_fit_is_named(
    mine: httpx.AsyncClient, query: str, parameter: str
) -> None:
    assert await refused(mine, query) == [parameter]


async def test_every_parameter_that_does_not_fit_is_named(mine: httpx.AsyncClient) -> None:
    found = await refused(mine, "created_after=x&label=x&what=1&fire_before=y")
    assert sorted(found) == ["created_after", "fire_before", "label", "what"]


@pytest.mark.parametrize("query", ["queue=%00", "url_contains=%00", "label=a%00=b"])
async def test_what_no_text_can_hold_is_refused(mine: httpx.AsyncClient, query: str) -> None:
    assert (await mine.get(f"/v1/jobs?{query}")).status_code == 400


@pytest.mark.parametrize("query", ["queue=%ff", "url_contains=%ed%a0%80", "label=a=%ff", "queue=%27%3b--"])
async def test_odd_text_finds_nothing(mine: httpx.AsyncClient, query: str) -> None:
    await make(mine)
    answer = await mine.get(f"/v1/jobs?{query}")
    assert (answer.status_code, answer.json()["items"]) == (200, [])


async def test_a_list_shows_nothing_of_another_tenant_and_takes_no_cursor_of_theirs(
    mine: httpx.AsyncClient, theirs: httpx.AsyncClient
) -> None:
    for _ in range(2):
        await make(theirs)
    assert (await page(mine))["items"] == []
    cursor = (await page(theirs, limit=1))["next_cursor"]
    assert await refused(mine, f"cursor={cursor}") == ["cursor"]
    assert await refused(mine, f"cursor={cursors.write(UUID(int=5))}") == ["cursor"]
    assert len((await page(theirs, cursor=cursor))["items"]) == 1


async def test_due_jobs_keep_their_place_in_the_list(mine: httpx.AsyncClient, database: Database) -> None:
    made = [(await make(mine, delay_seconds=60))["id"] for _ in range(3)]
    await come_due(database)
    assert await ids(mine, state=["queued", "scheduled"]) == made[::-1]
