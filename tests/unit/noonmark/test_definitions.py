"""Definitions, by both clients."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import respx

import noonmark
from tests.unit.noonmark.answers import ID, NOON, OTHER, job, page, problem
from tests.unit.noonmark.conftest import Driven

COMMAND = {"type": "container", "image": "a", "command": ["b"]}


def definition(**given: Any) -> dict[str, Any]:
    return {
        "id": ID, "key": "report", "version": 1, "name": "report@1", "target": COMMAND, "created_at": NOON,
        "changed_at": NOON,
    } | given  # fmt: skip


def sent(route: respx.Route) -> Any:
    return json.loads(route.calls.last.request.content)


async def test_a_definition_is_made_with_what_is_given(client: Driven, server: respx.MockRouter) -> None:
    route = server.post("/v1/definitions").respond(201, json=definition(concurrency_limit=3))
    made = await client.do("definitions.create", "report", COMMAND, concurrency_limit=3, success=["2xx"])
    assert (made.name, made.concurrency_limit, str(made.target)) == ("report@1", 3, "a b")
    said = {"concurrency_limit": 3, "success": {"status": ["2xx"]}}
    assert sent(route) == {"key": "report", "version": 1, "target": COMMAND, **said}


async def test_definitions_are_listed_page_after_page(client: Driven, server: respx.MockRouter) -> None:
    server.get("/v1/definitions", params={"cursor": "c1"}).respond(json=page(definition(id=OTHER)))
    server.get("/v1/definitions").respond(json=page(definition(), after="c1"))
    assert [str(one.id) for one in await client.do("definitions.list")] == [ID, OTHER]


async def test_a_definition_is_named_by_its_key_and_version(client: Driven, server: respx.MockRouter) -> None:
    server.get("/v1/definitions/report@1").respond(json=definition())
    assert (await client.do("definitions.get", "report@1")).key == "report"


async def test_a_change_sends_what_it_names(client: Driven, server: respx.MockRouter) -> None:
    route = server.patch("/v1/definitions/report").respond(json=definition())
    await client.do("definitions.edit", "report", concurrency_limit=None, params_schema={})
    assert sent(route) == {"concurrency_limit": None, "params_schema": {}}


async def test_a_registered_one_cannot_be_deleted(client: Driven, server: respx.MockRouter) -> None:
    server.delete("/v1/definitions/echo").mock(return_value=problem(409, "definition_registered"))
    with pytest.raises(noonmark.Conflict):
        await client.do("definitions.delete", "echo")


async def test_a_run_is_safe_to_repeat_and_says_what_differs(
    client: Driven, server: respx.MockRouter
) -> None:
    made = job(definition="report@1")
    route = server.post("/v1/definitions/report/run").respond(201, json=made)
    at = datetime(2027, 1, 1, tzinfo=UTC)
    options: dict[str, Any] = {"params": {"n": 1}, "delay": timedelta(minutes=1), "expires_at": at}
    ran = await client.do("definitions.run", "report", priority="high", **options)
    assert ran.definition == "report@1"
    assert route.calls.last.request.headers["idempotency-key"]
    assert sent(route) == {
        "params": {"n": 1}, "delay_seconds": 60.0, "expires_at": at.isoformat(), "priority": "high",
    }  # fmt: skip
    await client.do("definitions.run", "report")
    assert sent(route) == {}
