"""Jobs by definition: what they take from it, what they say themselves, and what they keep."""

import json
from typing import Any

import httpx
import pytest

from core.db import Database
from core.jobs.model import Outcome
from tests.integration.app.definitions.conftest import Publish
from tests.integration.app.definitions.test_definitions import CALL, COMMAND, MONTH, create, pointers, refused
from tests.integration.app.jobs.orders import claim, settle

RETRY = {"max_attempts": 2, "backoff": "linear", "base_seconds": 1.0, "max_seconds": 9.0, "jitter": 0.0}


async def make(api: httpx.AsyncClient, definition: str = "report@1", **given: Any) -> dict[str, Any]:
    answer = await api.post("/v1/jobs", json={"definition": definition} | given)
    assert answer.status_code == 201, answer.text
    job: dict[str, Any] = answer.json()
    return job


async def test_a_job_is_as_its_definition_says(mine: httpx.AsyncClient) -> None:
    await mine.post("/v1/queues", json={"name": "imports"})
    said: dict[str, Any] = {
        "queue": "imports", "priority": 60, "timeout_seconds": 77, "retry": RETRY, "labels": {"team": "a"},
    }  # fmt: skip
    await create(mine, **said)
    job = await make(mine)
    assert job == job | said | {"definition": "report@1"}
    assert job["target"] == job["target"] | COMMAND
    shown = (await mine.get(f"/v1/jobs/{job['id']}")).json()
    assert shown == job | {"waiting_for": "docker"}
    [listed] = (await mine.get("/v1/jobs")).json()["items"]
    assert listed["definition"] == "report@1"


async def test_what_a_job_says_itself_comes_first(mine: httpx.AsyncClient) -> None:
    await mine.post("/v1/queues", json={"name": "imports"})
    target = COMMAND | {"env": {"A": "1", "B": "1"}, "params": {"month": "x"}}
    given: dict[str, Any] = {"priority": "high", "timeout_seconds": 60, "labels": {"a": "1", "b": "1"}}
    await create(mine, target=target, params_schema=MONTH, **given)
    said: dict[str, Any] = {"priority": 50, "timeout_seconds": 9, "queue": "imports", "retry": RETRY}
    job = await make(mine, labels={"b": "2"}, env={"B": "2"}, params={"month": "y"}, **said)
    assert job == job | said | {"labels": {"a": "1", "b": "2"}}
    assert (job["target"]["env"], job["target"]["params"]) == ({"A": "1", "B": "2"}, {"month": "y"})


async def test_running_a_definition_needs_no_body(mine: httpx.AsyncClient) -> None:
    made = await create(mine)
    await create(mine, version=2)
    for named, runs in (("report", "report@2"), ("report@1", "report@1"), (made["id"], "report@1")):
        answer = await mine.post(f"/v1/definitions/{named}/run")
        assert (answer.status_code, answer.json()["definition"]) == (201, runs)
        assert answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"


async def test_a_run_takes_what_a_job_takes(mine: httpx.AsyncClient) -> None:
    await create(mine, params_schema=MONTH)
    body = {
        "params": {"month": "x"}, "env": {"A": "1"}, "priority": "low", "timeout_seconds": 5,
        "delay_seconds": 600, "labels": {"a": "b"}, "unique": {"key": "k"},
    }  # fmt: skip
    headers = {"Idempotency-Key": "once"}
    first = await mine.post("/v1/definitions/report/run", json=body, headers=headers)
    job = first.json()
    assert first.status_code == 201
    assert job == job | {"priority": 0, "timeout_seconds": 5, "state": "scheduled", "labels": {"a": "b"}}
    again = await mine.post("/v1/definitions/report/run", json=body, headers=headers)
    assert (again.status_code, again.json()["id"]) == (200, job["id"])
    twin = await mine.post("/v1/definitions/report/run", json=body)
    assert refused(twin) == (409, "not_unique")


@pytest.mark.parametrize("named", ["nobodys", "nobodys@1", "report@2", "a%2Fb", "@", "é"])
async def test_what_is_no_definition_cannot_be_run(mine: httpx.AsyncClient, named: str) -> None:
    await create(mine)
    assert (await mine.post(f"/v1/definitions/{named}/run")).status_code == 404


@pytest.mark.parametrize("named", ["nobodys@1", "report@2", "report@0", "a/b", "@"])
async def test_a_job_of_no_definition_is_refused(mine: httpx.AsyncClient, named: str) -> None:
    await create(mine)
    answer = await mine.post("/v1/jobs", json={"definition": named, "priority": "high", "queue": "nobodys"})
    assert refused(answer) == (422, "validation_failed")
    faults = [(one["code"], one["pointer"]) for one in answer.json()["errors"]]
    assert faults == [("unknown_definition", "/definition"), ("unknown_queue", "/queue")]


async def test_another_tenants_definition_is_unknown(
    mine: httpx.AsyncClient, theirs: httpx.AsyncClient
) -> None:
    await create(theirs)
    answer = await mine.post("/v1/jobs", json={"definition": "report@1"})
    assert pointers(answer) == ["/definition"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"definition": "report@1"}, ["/params"]),
        ({"definition": "report@1", "params": {}}, ["/params/month"]),
        ({"definition": "report@1", "params": {"month": 3}}, ["/params/month"]),
        ({"definition": "report@1", "params": [1]}, ["/params"]),
        ({"definition": "report@1", "params": {"month": "x"}, "env": {"a b": "1"}}, ["/env/a b"]),
        ({"definition": "report@1", "params": {"month": "x"}, "target": COMMAND}, ["/definition"]),
        ({"target": COMMAND, "params": {}}, ["/params"]),
        ({"target": COMMAND, "env": {}}, ["/env"]),
        ({"params": {}}, ["/target", "/params"]),
        ({"definition": "report@1", "params": {"month": 3}, "priority": 101}, ["/priority"]),
        ({}, ["/target"]),
    ],
)
async def test_what_does_not_fit_is_told_with_its_place(
    mine: httpx.AsyncClient, body: dict[str, Any], expected: list[str]
) -> None:
    await create(mine, params_schema=MONTH)
    assert sorted(pointers(await mine.post("/v1/jobs", json=body))) == sorted(expected)
    batch = await mine.post("/v1/jobs:batch", json={"jobs": [{"target": CALL}, body]})
    assert sorted(pointers(batch)) == sorted(f"/jobs/1{pointer}" for pointer in expected)
    assert (await mine.get("/v1/jobs")).json()["items"] == []


async def test_params_are_the_body_of_a_call(mine: httpx.AsyncClient, database: Database) -> None:
    await create(mine, target=CALL, params_schema=MONTH | {"required": []})
    raw = b'{"definition":"report@1","params":{"month":"x","n":1.50}}'
    answer = await mine.post("/v1/jobs", content=raw, headers={"Content-Type": "application/json"})
    assert answer.json()["target"]["body"] == {"month": "x", "n": 1.5}
    assert (await make(mine))["target"]["body"] == CALL["body"]
    async with database.raw() as db:
        bodies = [row[0] for row in await db.fetch("SELECT body FROM jobs ORDER BY id")]
    assert bodies[0] == b'{"month":"x","n":1.50}'
    env = await mine.post("/v1/jobs", json={"definition": "report@1", "env": {}})
    assert pointers(env) == ["/env"]


async def test_a_secret_of_a_definition_goes_with_its_jobs(
    mine: httpx.AsyncClient, database: Database
) -> None:
    await create(mine, target=CALL | {"headers": {"Authorization": "canary", "X-Team": "a"}})
    job = await make(mine)
    assert job["target"]["headers"] == {"Authorization": "***", "X-Team": "a"}
    lease = await claim(database)
    assert lease.sealed_headers is not None
    assert "canary" not in lease.target


@pytest.mark.parametrize("target", [CALL, COMMAND], ids=["call", "command"])
async def test_a_change_or_a_deletion_changes_no_job_that_stands(
    mine: httpx.AsyncClient, database: Database, target: dict[str, Any]
) -> None:
    await create(mine, target=target, timeout_seconds=60, result_schema=None)
    job = await make(mine, delay_seconds=600)
    other = COMMAND | {"command": ["other"]}
    changed = await mine.patch(
        "/v1/definitions/report",
        json={"target": other, "timeout_seconds": 9, "params_schema": MONTH, "concurrency_limit": 1},
    )
    assert changed.status_code == 200
    assert (await mine.get(f"/v1/jobs/{job['id']}")).json() == job
    assert (await make(mine, params={"month": "x"}))["target"]["command"] == ["other"]
    assert (await mine.delete("/v1/definitions/report")).status_code == 204
    assert (await mine.get(f"/v1/jobs/{job['id']}")).json() == job


async def test_jobs_of_two_versions_run_their_own(mine: httpx.AsyncClient) -> None:
    await create(mine)
    await create(mine, version=2, target=COMMAND | {"command": ["second"]})
    assert (await make(mine, "report@1"))["target"]["command"] == ["report"]
    assert (await make(mine, "report@2"))["target"]["command"] == ["second"]
    assert (await make(mine, "report"))["definition"] == "report@2"


async def test_a_batch_may_hold_jobs_of_definitions(mine: httpx.AsyncClient, publish: Publish) -> None:
    await create(mine)
    await publish()
    jobs = [{"definition": "report@1"}, {"target": CALL}, {"definition": "echo@1", "params": {"message": 1}}]
    headers = {"Idempotency-Key": "once"}
    first = await mine.post("/v1/jobs:batch", json={"jobs": jobs}, headers=headers)
    assert first.status_code == 201, first.text
    assert [one["definition"] for one in first.json()["items"]] == ["report@1", None, "echo@1"]
    again = await mine.post("/v1/jobs:batch", json={"jobs": jobs}, headers=headers)
    assert again.status_code == 200


async def test_a_repeated_request_finds_its_job_whatever_became_of_the_definition(
    mine: httpx.AsyncClient,
) -> None:
    await create(mine)
    headers = {"Idempotency-Key": "once"}
    first = await mine.post("/v1/jobs", json={"definition": "report@1"}, headers=headers)
    await mine.delete("/v1/definitions/report")
    again = await mine.post("/v1/jobs", json={"definition": "report@1"}, headers=headers)
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    other = await mine.post("/v1/jobs", json={"definition": "report@1", "labels": {}}, headers=headers)
    assert refused(other) == (422, "idempotency_key_reused")


async def test_a_repeated_batch_finds_its_jobs_whatever_became_of_the_definition(
    mine: httpx.AsyncClient,
) -> None:
    await create(mine)
    headers, body = {"Idempotency-Key": "once"}, {"jobs": [{"definition": "report@1"}, {"target": CALL}]}
    first = await mine.post("/v1/jobs:batch", json=body, headers=headers)
    await mine.delete("/v1/definitions/report")
    again = await mine.post("/v1/jobs:batch", json=body, headers=headers)
    assert again.status_code == 200
    assert [one["id"] for one in again.json()["items"]] == [one["id"] for one in first.json()["items"]]


async def test_a_registered_function_is_made_with_what_it_was_registered_with(
    mine: httpx.AsyncClient, publish: Publish
) -> None:
    await publish()
    job = await make(mine, "compute.math", params={"operation": "fibonacci", "n": 20})
    assert (job["definition"], job["timeout_seconds"], job["retry"]["max_attempts"]) == (
        "compute.math@1",
        30,
        3,
    )
    assert job["queue"] == "default"
    wrong = await mine.post(
        "/v1/jobs", json={"definition": "compute.math", "params": {"operation": "fibonacci"}}
    )
    assert pointers(wrong) == ["/params/n"]


async def test_params_of_a_function_that_is_a_target_fit_its_schema(
    mine: httpx.AsyncClient, publish: Publish
) -> None:
    target = {"type": "function", "function": "compute.math@1", "params": {"operation": "prime"}}
    assert (await mine.post("/v1/jobs", json={"target": target})).status_code == 201
    await publish()
    assert pointers(await mine.post("/v1/jobs", json={"target": target})) == ["/target/params/n"]
    await create(mine, target={"type": "function", "function": "echo@1"})
    answer = await mine.post("/v1/jobs", json={"definition": "report@1", "params": {}})
    assert pointers(answer) == ["/params/message"]


async def test_a_dead_letter_and_its_replay_know_their_definition(
    mine: httpx.AsyncClient, database: Database
) -> None:
    await create(mine, target=CALL, retry={"max_attempts": 1})
    job = await make(mine)
    await settle(database, await claim(database), Outcome.FAILED)
    assert (await mine.get(f"/v1/dlq/{job['id']}")).json()["definition"] == "report@1"
    again = await mine.post(f"/v1/dlq/{job['id']}/replay", json={})
    assert (again.status_code, again.json()["definition"]) == (201, "report@1")


async def test_twins_are_told_by_their_request_alone(mine: httpx.AsyncClient) -> None:
    await create(mine)
    await make(mine, unique={}, delay_seconds=600)
    same = await mine.post("/v1/jobs", json={"target": COMMAND, "unique": {}, "delay_seconds": 600})
    assert refused(same) == (409, "not_unique")


async def test_a_deep_or_large_body_is_refused_as_ever(mine: httpx.AsyncClient) -> None:
    await create(mine)
    deep = json.dumps({"definition": "report@1", "params": None}).replace("null", "[" * 100 + "]" * 100)
    headers = {"Content-Type": "application/json"}
    assert (await mine.post("/v1/jobs", content=deep, headers=headers)).status_code == 400
    large = {"definition": "report@1", "params": "x" * (1024 * 1024 + 1)}
    assert (await mine.post("/v1/jobs", json=large)).status_code == 413
