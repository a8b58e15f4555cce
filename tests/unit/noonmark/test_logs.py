"""Reading and following what a job printed."""

import json
from typing import Any

import httpx
import pytest
import respx

import noonmark
from tests.unit.noonmark.answers import ID, line, page, problem
from tests.unit.noonmark.conftest import Driven

END = b'event: end\ndata: {"state":"succeeded"}\n\n'


def event(one: dict[str, Any]) -> bytes:
    return f"id: {one['position']}\ndata: {json.dumps(one, ensure_ascii=False)}\n\n".encode()


def texts(lines: list[noonmark.LogLine]) -> list[str]:
    return [one.text for one in lines]


async def test_pages_are_fetched_by_the_position_of_the_last_line(
    client: Driven, server: respx.MockRouter
) -> None:
    route = server.get(f"/v1/jobs/{ID}/logs").mock(
        side_effect=[
            httpx.Response(200, json=page(line(1, "a"), line(2, "b"), after="1-2")),
            httpx.Response(200, json=page(line(3, "c"))),
        ]
    )
    found = await client.do("jobs.logs", ID, attempt=1, stream="stdout", limit=2)
    assert texts(found) == ["a", "b", "c"]
    assert dict(route.calls[1].request.url.params) == {
        "attempt": "1", "stream": "stdout", "limit": "2", "after": "1-2",
    }  # fmt: skip


async def test_following_ends_with_the_job(client: Driven, server: respx.MockRouter) -> None:
    told = b"retry: 1000\n\n" + event(line(1, "a")) + b": still here\n\n" + event(line(2, "b")) + END
    server.get(f"/v1/jobs/{ID}/logs/stream").respond(content=told)
    assert texts(await client.do("jobs.follow_logs", ID)) == ["a", "b"]
    assert client.slept == []


async def test_a_stream_that_breaks_off_goes_on_where_it_was(
    client: Driven, server: respx.MockRouter
) -> None:
    route = server.get(f"/v1/jobs/{ID}/logs/stream").mock(
        side_effect=[
            httpx.Response(200, content=event(line(1, "a")) + event(line(2, "b"))[:-5]),
            httpx.Response(200, content=event(line(2, "b")) + END),
        ]
    )
    assert texts(await client.do("jobs.follow_logs", ID, after="1-0")) == ["a", "b"]
    assert [call.request.url.params["after"] for call in route.calls] == ["1-0", "1-1"]
    assert client.slept == [1.0]


@pytest.mark.parametrize("text", ["a\u2028b", "a\x85b", "\x1b[31m", "data: x", "€"])
async def test_whatever_a_line_holds_it_is_one(client: Driven, server: respx.MockRouter, text: str) -> None:
    server.get(f"/v1/jobs/{ID}/logs/stream").respond(content=event(line(1, text)) + END)
    assert texts(await client.do("jobs.follow_logs", ID)) == [text]


async def test_a_stream_that_is_refused_is_an_error(client: Driven, server: respx.MockRouter) -> None:
    server.get(f"/v1/jobs/{ID}/logs/stream").mock(return_value=problem(404, "not_found"))
    with pytest.raises(noonmark.NotFound):
        await client.do("jobs.follow_logs", ID)


async def test_a_stream_without_room_is_asked_for_again(client: Driven, server: respx.MockRouter) -> None:
    server.get(f"/v1/jobs/{ID}/logs/stream").mock(
        side_effect=[problem(503, "unavailable"), httpx.Response(200, content=END)]
    )
    assert await client.do("jobs.follow_logs", ID) == []
    assert len(client.slept) == 1
