"""Following what a job prints, over a real socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx
import msgspec
import pytest

from app.logs import following
from app.logs.following import Streams
from app.server import Server
from core.db import Database
from core.jobs import store as jobs
from core.jobs.model import Lease, Outcome
from core.logs import store as logs
from tests.jobs import settlement
from tests.printing import chunk


async def printed(direct: Database, *chunks: Any) -> None:
    async with direct.raw() as db:
        await logs.append(db, chunks)


async def ended(direct: Database, lease: Lease, **given: Any) -> None:
    async with direct.raw() as db:
        await jobs.settle(db, [settlement(lease, **given)])


class Events:
    """The events of a stream, one after the other: (id, data) of a line, (`end`, data) at last."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._lines = answer.aiter_lines()

    async def next(self) -> tuple[str, dict[str, Any]] | None:
        fields: dict[str, str] = {}
        async for line in self._lines:
            name, _, value = line.partition(": ")
            if line:
                fields[name] = value
            elif "data" in fields:
                return fields.get("event") or fields["id"], msgspec.json.decode(fields["data"])
        return None

    async def rest(self) -> list[tuple[str, dict[str, Any]]]:
        found = []
        while (event := await self.next()) is not None:
            found.append(event)
        return found


@asynccontextmanager
async def follow(live: httpx.AsyncClient, lease: Lease, **given: Any) -> AsyncIterator[Events]:
    async with (
        asyncio.timeout(20),
        live.stream("GET", f"/v1/jobs/{lease.job_id}/logs/stream", **given) as answer,
    ):
        yield Events(answer)


async def test_lines_come_while_the_job_runs_and_the_stream_ends_with_it(
    live: httpx.AsyncClient, direct: Database, lease: Lease
) -> None:
    """LOG-02."""
    await printed(direct, chunk(lease, "before"))
    async with follow(live, lease) as events:
        assert events.answer.headers["content-type"].startswith("text/event-stream")
        assert await events.next() == ("1-1", (await lines(live, lease))[0])
        await printed(direct, chunk(lease, "during", sequence=2))
        event = await events.next()
        assert event is not None
        assert (event[0], event[1]["text"]) == ("1-2", "during")
        await printed(direct, chunk(lease, "last", sequence=3))
        await ended(direct, lease)
        *last, end = await events.rest()
        assert [data["text"] for _, data in last] == ["last"]
        assert end == ("end", {"state": "succeeded"})


async def lines(live: httpx.AsyncClient, lease: Lease) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await live.get(f"/v1/jobs/{lease.job_id}/logs")).json()["items"]
    return items


async def test_a_long_log_of_a_job_that_is_over_comes_whole(
    live: httpx.AsyncClient, direct: Database, lease: Lease
) -> None:
    texts = [str(number) for number in range(3000)]
    await printed(
        direct, *(chunk(lease, *texts[at : at + 100], sequence=at + 100) for at in range(0, 3000, 100))
    )
    await ended(direct, lease)
    async with follow(live, lease) as events:
        *found, end = await events.rest()
    assert [data["text"] for _, data in found] == texts
    assert end[0] == "end"


@pytest.mark.parametrize(
    "given", [{"headers": {"Last-Event-ID": "1-2"}}, {"params": {"after": "1-2"}}], ids=["header", "query"]
)
async def test_whoever_was_cut_off_goes_on_where_it_was(
    live: httpx.AsyncClient, direct: Database, lease: Lease, given: dict[str, Any]
) -> None:
    await printed(direct, chunk(lease, "1", "2", "3"))
    await ended(direct, lease)
    async with follow(live, lease, **given) as events:
        assert [place for place, _ in await events.rest()] == ["1-3", "end"]


async def test_the_stream_of_an_attempt_ends_with_that(
    live: httpx.AsyncClient, direct: Database, lease: Lease
) -> None:
    await printed(direct, chunk(lease, "once"))
    async with follow(live, lease, params={"attempt": 1}) as events:
        await events.next()
        await ended(direct, lease, outcome=Outcome.FAILED, retry_seconds=60.0)
        assert await events.rest() == [("end", {"state": None})]


async def test_a_wrong_position_in_the_header_is_refused(live: httpx.AsyncClient, lease: Lease) -> None:
    answer = await live.get(f"/v1/jobs/{lease.job_id}/logs/stream", headers={"Last-Event-ID": "x"})
    assert answer.status_code == 422


async def test_a_stream_holds_no_connection_while_it_waits(
    live: httpx.AsyncClient, direct: Database, lease: Lease
) -> None:
    async with follow(live, lease), follow(live, lease), direct.raw() as db:
        busy = await db.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND state <> 'idle' AND pid <> pg_backend_pid() AND xact_start < now() - interval '1 second'"
        )
        assert busy == 0


async def test_there_is_room_for_so_many_streams_of_a_tenant(
    live: httpx.AsyncClient, lease: Lease, streams: Streams
) -> None:
    async with follow(live, lease), follow(live, lease):
        answer = await live.get(f"/v1/jobs/{lease.job_id}/logs/stream")
        assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
        assert "retry-after" in answer.headers
    await until(lambda: len(streams) == 0)
    async with follow(live, lease) as events:
        assert events.answer.status_code == 200


async def test_there_is_room_for_so_many_streams_at_all(
    live: httpx.AsyncClient, lease: Lease, streams: Streams
) -> None:
    for _ in range(2):
        streams.take(lease.job_id)
    async with follow(live, lease):
        answer = await live.get(f"/v1/jobs/{lease.job_id}/logs/stream")
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


async def test_streams_end_when_the_server_stops_and_no_new_one_begins(
    live: httpx.AsyncClient, serving: Server, lease: Lease
) -> None:
    async with follow(live, lease) as events:
        assert events.answer.status_code == 200
        serving.leave()
        assert await events.rest() == []


async def test_who_hangs_up_makes_room(live: httpx.AsyncClient, lease: Lease, streams: Streams) -> None:
    async with follow(live, lease):
        assert len(streams) == 1
    await until(lambda: len(streams) == 0)


async def test_who_does_not_read_is_cut_off(
    live: httpx.AsyncClient,
    serving: Server,
    direct: Database,
    lease: Lease,
    streams: Streams,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(following, "impatient", partial(following.impatient, seconds=0.2))
    texts = ["x" * 8000] * 4
    await printed(direct, *(chunk(lease, *texts, sequence=4 * at) for at in range(1, 400)))
    head = (
        f"GET /v1/jobs/{lease.job_id}/logs/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: {live.headers['Authorization']}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", serving.config.port, limit=1024)
    writer.write(head.encode())
    await until(lambda: len(streams) == 1)
    await until(lambda: len(streams) == 0)
    assert len(await reader.read()) < 399 * 4 * 8000
    writer.close()
    await writer.wait_closed()


async def until(true: Any) -> None:
    async with asyncio.timeout(15):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0)
