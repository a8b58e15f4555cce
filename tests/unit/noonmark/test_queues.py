"""Queues, by both clients."""

import json

import pytest
import respx

import noonmark
from tests.unit.noonmark.answers import ID, OTHER, page, problem, queue
from tests.unit.noonmark.conftest import Driven


async def test_a_queue_is_made_with_what_is_given(client: Driven, server: respx.MockRouter) -> None:
    route = server.post("/v1/queues").respond(201, json=queue(name="imports", rate={"count": 5}))
    made = await client.do("queues.create", "imports", rate=noonmark.Rate(count=5))
    assert made.rate == noonmark.Rate(count=5)
    rate = {"count": 5, "period_seconds": 1.0, "burst": 1}
    assert json.loads(route.calls.last.request.content) == {"name": "imports", "rate": rate}


async def test_queues_are_listed_page_after_page(client: Driven, server: respx.MockRouter) -> None:
    server.get("/v1/queues", params={"cursor": "c1"}).respond(json=page(queue(id=OTHER)))
    server.get("/v1/queues").respond(json=page(queue(), after="c1"))
    assert [str(one.id) for one in await client.do("queues.list")] == [ID, OTHER]


async def test_a_queue_is_named_by_its_name(client: Driven, server: respx.MockRouter) -> None:
    server.get("/v1/queues/imports").respond(json=queue(name="imports"))
    assert (await client.do("queues.get", "imports")).name == "imports"


async def test_an_edit_sends_what_it_names(client: Driven, server: respx.MockRouter) -> None:
    route = server.patch("/v1/queues/imports").respond(json=queue())
    await client.do("queues.edit", "imports", max_concurrency=None, retry={"max_attempts": 2})
    sent = json.loads(route.calls.last.request.content)
    assert sent == {"max_concurrency": None, "retry": {"max_attempts": 2}}


@pytest.mark.parametrize(("what", "paused"), [("pause", True), ("resume", False)])
async def test_a_queue_is_switched(client: Driven, server: respx.MockRouter, what: str, paused: bool) -> None:
    server.post(f"/v1/queues/imports/{what}").respond(json=queue(paused=paused))
    assert (await client.do(f"queues.{what}", "imports")).paused is paused


async def test_a_queue_that_is_not_empty_stays(client: Driven, server: respx.MockRouter) -> None:
    server.delete("/v1/queues/imports").mock(return_value=problem(409, "queue_not_empty"))
    with pytest.raises(noonmark.Conflict):
        await client.do("queues.delete", "imports")
