"""Definitions as things: made, read, listed, changed, deleted; and what may not be one."""

from typing import Any

import httpx
import pytest

from app.jobs.masking import MASK
from core.db import Database
from tests.integration.app.definitions.conftest import Publish

CALL = {"url": "http://127.0.0.1:9/hook", "method": "PUT", "body": {"any": "json"}}
COMMAND = {"type": "container", "image": "registry.example/report:1.4", "command": ["report"]}
MONTH = {"type": "object", "properties": {"month": {"type": "string"}}, "required": ["month"]}


async def create(api: httpx.AsyncClient, key: str = "report", **given: Any) -> dict[str, Any]:
    answer = await api.post("/v1/definitions", json={"key": key, "target": COMMAND} | given)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def pointers(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 422, answer.text
    return [fault["pointer"] for fault in answer.json()["errors"]]


async def test_a_definition_keeps_what_it_was_given(mine: httpx.AsyncClient) -> None:
    given: dict[str, Any] = {
        "version": 3, "description": "Renders.", "timeout_seconds": 60, "priority": "high",
        "retry": {"max_attempts": 2, "backoff": "linear", "base_seconds": 1, "max_seconds": 9, "jitter": 0},
        "labels": {"team": "billing"}, "concurrency_limit": 3, "params_schema": MONTH,
        "result_schema": {"type": "integer"},
    }  # fmt: skip
    answer = await mine.post("/v1/definitions", json={"key": "report", "target": COMMAND} | given)
    made = answer.json()
    assert made == made | given | {"priority": 75, "name": "report@3", "registered": False}
    assert made["target"] == made["target"] | COMMAND
    assert made["default_max_attempts"] == 2
    assert (await mine.get(answer.headers["location"])).json() == made
    for named in (made["id"], "report", "report@3"):
        assert (await mine.get(f"/v1/definitions/{named}")).json() == made


async def test_a_key_alone_is_its_newest_version(mine: httpx.AsyncClient) -> None:
    for version in (2, 10, 1):
        await create(mine, version=version)
    assert (await mine.get("/v1/definitions/report")).json()["version"] == 10
    assert (await mine.get("/v1/definitions/report@2")).json()["version"] == 2


async def test_there_is_one_definition_of_a_key_and_version(mine: httpx.AsyncClient) -> None:
    await create(mine)
    answer = await mine.post("/v1/definitions", json={"key": "report", "target": COMMAND})
    assert refused(answer) == (409, "definition_exists")


async def test_another_tenant_has_definitions_of_its_own(
    mine: httpx.AsyncClient, theirs: httpx.AsyncClient
) -> None:
    made = await create(theirs)
    assert (await mine.get("/v1/definitions")).json()["items"] == []
    for named in ("report", "report@1", made["id"]):
        assert (await mine.get(f"/v1/definitions/{named}")).status_code == 404
        assert (await mine.post(f"/v1/definitions/{named}/run")).status_code == 404
    await create(mine)


async def test_definitions_are_listed_page_after_page(mine: httpx.AsyncClient, publish: Publish) -> None:
    await create(mine, "a")
    await publish()
    await create(mine, "b")
    seen, cursor = list[str](), None
    while True:
        query = {"limit": "2"} | ({} if cursor is None else {"cursor": cursor})
        page = (await mine.get("/v1/definitions", params=query)).json()
        seen += [one["name"] for one in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert sorted(seen) == ["a@1", "b@1", "compute.math@1", "echo@1", "encode@1"]
    assert (seen[0], seen[-1]) == ("a@1", "b@1")


async def test_registered_functions_are_everybodys_to_be_read(
    mine: httpx.AsyncClient, publish: Publish
) -> None:
    await publish(concurrency=3)
    shown = (await mine.get("/v1/definitions/encode@1")).json()
    assert shown == shown | {
        "registered": True, "default_max_attempts": 3, "timeout_seconds": 30, "concurrency_limit": 3,
        "target": {"type": "function", "function": "encode@1"}, "params_schema": None,
    }  # fmt: skip
    assert refused(await mine.patch("/v1/definitions/encode@1", json={"priority": 1})) == (
        409, "definition_registered",
    )  # fmt: skip
    assert refused(await mine.delete("/v1/definitions/encode")) == (409, "definition_registered")


async def test_a_registered_key_is_nobodys_own(mine: httpx.AsyncClient, publish: Publish) -> None:
    await publish()
    answer = await mine.post("/v1/definitions", json={"key": "echo", "version": 7, "target": COMMAND})
    assert refused(answer) == (409, "definition_registered")


async def test_registering_again_changes_what_holds(mine: httpx.AsyncClient, publish: Publish) -> None:
    await publish(concurrency=3)
    before = (await mine.get("/v1/definitions/encode")).json()
    await publish(concurrency=5)
    after = (await mine.get("/v1/definitions/encode")).json()
    assert after == before | {"concurrency_limit": 5, "changed_at": after["changed_at"]}


async def test_a_change_leaves_what_it_does_not_name(mine: httpx.AsyncClient) -> None:
    made = await create(mine, labels={"team": "billing"}, timeout_seconds=60, params_schema=MONTH)
    patch = {"timeout_seconds": None, "retry": {"max_attempts": 2}, "priority": 9}
    answer = await mine.patch("/v1/definitions/report", json=patch)
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert shown == made | {
        "timeout_seconds": None, "priority": 9, "retry": shown["retry"], "default_max_attempts": 2,
        "changed_at": shown["changed_at"],
    }  # fmt: skip
    assert (await mine.get("/v1/definitions/report")).json() == shown
    emptied = (await mine.patch("/v1/definitions/report", json={"params_schema": None})).json()
    assert emptied["params_schema"] is None


async def test_a_change_that_changes_nothing_leaves_no_trace(mine: httpx.AsyncClient) -> None:
    made = await create(
        mine, params_schema={"type": "object"}, target=CALL | {"headers": {"Authorization": "x"}}
    )
    assert (await mine.patch("/v1/definitions/report", json={"priority": "normal"})).json() == made
    actions = [entry["action"] for entry in (await mine.get("/v1/audit")).json()["items"]]
    assert [one for one in actions if one.startswith("definition")] == ["definition.created"]


async def test_a_deleted_definition_is_gone_and_its_name_is_free(mine: httpx.AsyncClient) -> None:
    await create(mine)
    assert (await mine.delete("/v1/definitions/report@1")).status_code == 204
    assert (await mine.get("/v1/definitions/report@1")).status_code == 404
    assert (await mine.delete("/v1/definitions/report@1")).status_code == 404
    await create(mine)


async def test_changes_are_in_the_audit_without_what_was_said(mine: httpx.AsyncClient) -> None:
    await create(mine, target=CALL | {"headers": {"Authorization": "canary"}})
    await mine.patch("/v1/definitions/report", json={"description": "canary"})
    await mine.delete("/v1/definitions/report")
    answer = await mine.get("/v1/audit")
    told = [one for one in answer.json()["items"] if one["action"].startswith("definition")]
    assert [one["action"] for one in told] == [
        "definition.deleted", "definition.changed", "definition.created",
    ]  # fmt: skip
    assert told[1]["detail"] == {"name": "report@1", "changed": ["description"]}
    assert "canary" not in answer.text


async def test_secrets_are_sealed_and_never_shown(mine: httpx.AsyncClient, database: Database) -> None:
    call = CALL | {"headers": {"Authorization": "canary-1", "X-Team": "a"}}
    made = await create(mine, target=call)
    assert made["target"]["headers"] == {"Authorization": MASK, "X-Team": "a"}
    command = COMMAND | {"env": {"API_TOKEN": "canary-2", "A": "1"}}
    changed = await mine.patch("/v1/definitions/report", json={"target": command})
    assert changed.json()["target"]["env"] == {"API_TOKEN": MASK, "A": "1"}
    async with database.raw() as db:
        row = await db.fetchrow("SELECT d::text, sealed_headers FROM definitions d")
    assert "canary" not in row[0]
    assert b"canary" not in row[1]


async def test_a_body_keeps_its_spelling(mine: httpx.AsyncClient) -> None:
    raw = b'{"key":"c","target":{"type":"http","url":"http://127.0.0.1:9/","body":{"b":1.50,"a":1e2}}}'
    headers = {"Content-Type": "application/json"}
    assert (await mine.post("/v1/definitions", content=raw, headers=headers)).status_code == 201
    assert b'{"b":1.50,"a":1e2}' in (await mine.get("/v1/definitions/c")).content


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"key": "A"}, "/key"),
        ({"key": "a b"}, "/key"),
        ({"key": "a\n"}, "/key"),
        ({"version": 0}, "/version"),
        ({"priority": 101}, "/priority"),
        ({"priority": -1}, "/priority"),
        ({"target": {"type": "container"}}, "/target/image"),
        ({"target": {"type": "http", "url": "ftp://x/"}}, "/target/url"),
        ({"queue": "nobodys"}, "/queue"),
        ({"queue": "function:echo@1"}, "/queue"),
        ({"concurrency_limit": 0}, "/concurrency_limit"),
        ({"params_schema": {"type": "strin"}}, "/params_schema/type"),
        ({"params_schema": 3}, "/params_schema"),
        ({"result_schema": {"items": {"minLength": -1}}}, "/result_schema/items/minLength"),
        ({"params_schema": {"$ref": "http://127.0.0.1:9/schema"}}, "/params_schema/$ref"),
        ({"params_schema": {"pattern": "(a)\\1"}}, "/params_schema/pattern"),
        ({"params_schema": MONTH, "target": COMMAND | {"params": {}}}, "/target/params/month"),
        ({"result_schema": {}, "target": CALL}, "/result_schema"),
        ({"retry": {"base_seconds": 9, "max_seconds": 3}}, "/retry/base_seconds"),
    ],
)
async def test_what_cannot_be_a_definition_is_told_with_its_place(
    mine: httpx.AsyncClient, given: dict[str, Any], pointer: str
) -> None:
    answer = await mine.post("/v1/definitions", json={"key": "report", "target": COMMAND} | given)
    assert pointers(answer) == [pointer]


@pytest.mark.parametrize("missing", ["key", "target"])
async def test_what_a_definition_needs_is_said(mine: httpx.AsyncClient, missing: str) -> None:
    body = {"key": "report", "target": COMMAND}
    del body[missing]
    assert pointers(await mine.post("/v1/definitions", json=body)) == [f"/{missing}"]


async def test_a_private_address_is_refused(mine: httpx.AsyncClient) -> None:
    target = {"type": "http", "url": "http://169.254.169.254/"}
    answer = await mine.post("/v1/definitions", json={"key": "c", "target": target})
    assert refused(answer) == (422, "destination_refused")


async def test_what_is_limited_has_no_other_queue(mine: httpx.AsyncClient, publish: Publish) -> None:
    await publish(concurrency=2)
    await mine.post("/v1/queues", json={"name": "imports"})
    limited = {"key": "a", "target": COMMAND, "queue": "imports", "concurrency_limit": 3}
    assert pointers(await mine.post("/v1/definitions", json=limited)) == ["/queue"]
    function = {"key": "a", "target": {"type": "function", "function": "encode@1"}, "queue": "imports"}
    assert pointers(await mine.post("/v1/definitions", json=function)) == ["/queue"]
    await create(mine, queue="imports")
    assert pointers(await mine.patch("/v1/definitions/report", json={"concurrency_limit": 1})) == ["/queue"]
