"""Reading what a job printed."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from core.db import Database
from core.jobs.model import Lease
from core.logs import store as logs
from tests.printing import chunk


async def printed(direct: Database, *chunks: Any) -> None:
    async with direct.raw() as db:
        await logs.append(db, chunks)


async def test_a_line_says_where_when_and_what(
    mine: httpx.AsyncClient, direct: Database, lease: Lease
) -> None:
    """LOG-03."""
    await printed(direct, chunk(lease, "hello", "<script>", stream="stderr", mark="cut", at=1_800_000_000.25))
    answer = await mine.get(f"/v1/jobs/{lease.job_id}/logs")
    assert answer.json() == {
        "items": [
            {"position": "1-1", "attempt": 1, "stream": "stderr", "at": "2027-01-15T08:00:00.250000Z",
             "text": "hello", "mark": None},
            {"position": "1-2", "attempt": 1, "stream": "stderr", "at": "2027-01-15T08:00:00.250000Z",
             "text": "<script>", "mark": "cut"},
        ],
        "next_cursor": None,
    }  # fmt: skip


async def test_a_job_that_printed_nothing_has_an_empty_log(mine: httpx.AsyncClient, lease: Lease) -> None:
    answer = await mine.get(f"/v1/jobs/{lease.job_id}/logs")
    assert answer.json() == {"items": [], "next_cursor": None}


async def test_pages_lose_nothing(mine: httpx.AsyncClient, direct: Database, lease: Lease) -> None:
    """LOG-01."""
    await printed(direct, *(chunk(lease, f"a{n}", f"b{n}", sequence=2 * n) for n in range(1, 51)))
    found: list[str] = []
    after: str | None = "0-0"
    while after:
        answer = await mine.get(f"/v1/jobs/{lease.job_id}/logs", params={"after": after, "limit": 7})
        found += [item["text"] for item in answer.json()["items"]]
        after = answer.json()["next_cursor"]
    assert found == [f"{letter}{n}" for n in range(1, 51) for letter in "ab"]


async def test_whoever_read_all_goes_on_behind_the_last_line(
    mine: httpx.AsyncClient, direct: Database, lease: Lease
) -> None:
    await printed(direct, chunk(lease, "old"))
    first = (await mine.get(f"/v1/jobs/{lease.job_id}/logs")).json()["items"]
    await printed(direct, chunk(lease, "new", sequence=2))
    answer = await mine.get(f"/v1/jobs/{lease.job_id}/logs", params={"after": first[-1]["position"]})
    assert [item["text"] for item in answer.json()["items"]] == ["new"]


async def test_a_stream_can_be_asked_for(mine: httpx.AsyncClient, direct: Database, lease: Lease) -> None:
    await printed(direct, chunk(lease, "out"), chunk(lease, "err", sequence=2, stream="stderr"))
    answer = await mine.get(f"/v1/jobs/{lease.job_id}/logs", params={"stream": "stderr", "attempt": 1})
    assert [item["text"] for item in answer.json()["items"]] == ["err"]


@pytest.mark.parametrize("path", ["logs", "logs/stream"])
async def test_another_tenants_log_is_unknown(
    theirs: httpx.AsyncClient, direct: Database, lease: Lease, path: str
) -> None:
    """LOG-06."""
    await printed(direct, chunk(lease, "secret"))
    answer = await theirs.get(f"/v1/jobs/{lease.job_id}/{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await theirs.get(f"/v1/jobs/{uuid4()}/{path}")).status_code == 404


@pytest.mark.parametrize("path", ["logs", "logs/stream"])
@pytest.mark.parametrize(
    "query",
    [{"after": "x"}, {"after": "99999-1"}, {"after": "1-1\n"}, {"limit": 0}, {"limit": 1001}, {"attempt": 0},
     {"attempt": 40000}, {"stream": "stdin"}],
)  # fmt: skip
async def test_what_does_not_fit_is_refused(
    mine: httpx.AsyncClient, lease: Lease, path: str, query: dict[str, Any]
) -> None:
    if path == "logs/stream" and "limit" in query:
        query = {"after": "-"}
    answer = await mine.get(f"/v1/jobs/{lease.job_id}/{path}", params=query)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert answer.json()["errors"][0]["parameter"] == next(iter(query))


async def test_an_erased_job_has_no_log_left(mine: httpx.AsyncClient, direct: Database, lease: Lease) -> None:
    await printed(direct, chunk(lease, "private"))
    async with direct.raw() as db:
        await db.execute("DELETE FROM leases WHERE job_id = $1", lease.job_id)
        await db.execute(
            "INSERT INTO endings (job_id, tenant_id, state, attempts, finished_at)"
            " VALUES ($1, $2, 'failed', 1, now())",
            lease.job_id, lease.tenant_id,
        )  # fmt: skip
    erased = await mine.post(f"/v1/jobs/{lease.job_id}/erase")
    assert erased.is_success, erased.text
    assert (await mine.get(f"/v1/jobs/{lease.job_id}/logs")).json()["items"] == []
