"""Jobs that run code: stored, shown, replayed and refused like any other."""

import json
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest

from app.jobs.masking import MASK
from core.db import Database
from core.jobs.model import Lease, Needs, Outcome
from tests.integration.app.jobs.orders import read, settle
from tests.printing import claimed

COMMAND = {"type": "container", "runtime": "process", "command": ["/bin/echo", "hi"]}
FUNCTION = {"type": "function", "function": "compute.math@1", "params": {"of": "sum", "numbers": [1, 2.50]}}


async def made(api: httpx.AsyncClient, target: dict[str, Any], **given: Any) -> dict[str, Any]:
    answer = await api.post("/v1/jobs", json={"target": target, **given})
    assert answer.status_code == 201, answer.text
    job: dict[str, Any] = answer.json()
    return job


async def test_a_command_is_shown_as_it_was_submitted(mine: httpx.AsyncClient) -> None:
    job = await made(mine, COMMAND | {"env": {"A": "1", "API_TOKEN": "t"}, "params": {"n": 1}})
    shown = (await mine.get(f"/v1/jobs/{job['id']}")).json()["target"]
    assert shown == job["target"]
    assert {name: shown[name] for name in COMMAND} == COMMAND
    assert (shown["env"], shown["params"]) == ({"A": "1", "API_TOKEN": MASK}, {"n": 1})


async def test_values_of_secret_variables_are_sealed(mine: httpx.AsyncClient, database: Database) -> None:
    await made(mine, COMMAND | {"env": {"A": "canary-variable"}, "secret_env": ["A"]})
    async with database.raw() as db:
        row = await db.fetchrow("SELECT target::text || encode(sealed_headers, 'escape') FROM jobs")
    assert row[0]
    assert "canary-variable" not in row[0]


async def test_a_function_is_shown_as_it_was_submitted(mine: httpx.AsyncClient) -> None:
    job = await made(mine, FUNCTION)
    assert job["target"] == FUNCTION
    listed = (await mine.get("/v1/jobs")).json()["items"]
    assert [one["target"] for one in listed] == [{"type": "function", "function": "compute.math@1"}], (
        "a list leaves the params out"
    )


async def test_a_batch_may_hold_targets_of_all_types(mine: httpx.AsyncClient, database: Database) -> None:
    http = b'{"url":"http://127.0.0.1:9/x","body":1.50}'
    raw = b'{"jobs":[{"target":%b},{"target":{"type":"function","function":"echo@1"}}]}' % http
    answer = await mine.post("/v1/jobs:batch", content=raw, headers={"Content-Type": "application/json"})
    assert answer.status_code == 201, answer.text
    assert [job["target"]["type"] for job in answer.json()["items"]] == ["http", "function"]
    async with database.raw() as db:
        bodies = [row[0] for row in await db.fetch("SELECT body FROM jobs ORDER BY id")]
    assert bodies == [b"1.50", b""]


async def test_a_job_that_ran_code_can_be_replayed(mine: httpx.AsyncClient) -> None:
    job = await made(mine, FUNCTION)
    assert (await mine.post(f"/v1/jobs/{job['id']}/cancel")).status_code == 200
    again = await mine.post(f"/v1/jobs/{job['id']}/replay", json={})
    assert (again.status_code, again.json()["target"]) == (201, FUNCTION)


async def test_its_times_may_be_edited_and_its_target_may_not(mine: httpx.AsyncClient) -> None:
    job = await made(mine, COMMAND, delay_seconds=600)
    patched = await mine.patch(f"/v1/jobs/{job['id']}", json={"priority": "high"})
    assert (patched.status_code, patched.json()["target"]) == (200, job["target"])
    refused = await mine.patch(f"/v1/jobs/{job['id']}", json={"target": {"url": "http://127.0.0.1:9/"}})
    assert (refused.status_code, refused.json()["code"]) == (422, "unsupported_target")


async def test_twins_are_told_by_what_they_run(mine: httpx.AsyncClient) -> None:
    await made(mine, FUNCTION, unique={}, delay_seconds=600)
    same = await mine.post("/v1/jobs", json={"target": FUNCTION, "unique": {}, "delay_seconds": 600})
    assert same.status_code == 409
    await made(mine, FUNCTION | {"params": {}}, unique={}, delay_seconds=600)
    await made(mine, FUNCTION | {"function": "compute.math@2"}, unique={}, delay_seconds=600)


@pytest.mark.parametrize(
    ("target", "pointer"),
    [
        ({"type": "container"}, "/target/image"),
        ({"type": "container", "image": "a", "url": "http://x/"}, "/target/url"),
        ({"type": "container", "image": "a", "runtime": "lxc"}, "/target/runtime"),
        ({"type": "container", "image": "a", "grace_seconds": 99}, "/target/grace_seconds"),
        ({"type": "container", "image": "a", "permanent_exit_codes": [0]}, "/target/permanent_exit_codes/0"),
        ({"type": "function"}, "/target/function"),
        ({"type": "function", "function": "no-version"}, "/target/function"),
        ({"type": "function", "function": "a@1", "command": ["x"]}, "/target/command"),
        ({"type": "http", "url": "http://127.0.0.1:9/", "image": "a"}, "/target/image"),
    ],
)
async def test_what_does_not_fit_its_type_is_told_with_its_place(
    mine: httpx.AsyncClient, target: dict[str, Any], pointer: str
) -> None:
    answer = await mine.post("/v1/jobs", json={"target": target})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]


async def ran(mine: httpx.AsyncClient, database: Database) -> Lease:
    """The lease of a command."""
    job = await made(mine, {"type": "container", "runtime": "process", "command": ["true"]})
    async with database.raw() as db:
        queue = await db.fetchval("SELECT queue_id FROM jobs WHERE id = $1", UUID(job["id"]))
        [lease] = await claimed(db, queue, Needs.PROCESS)
    return lease


@pytest.mark.parametrize(
    "left",
    [
        '{"score": 61}',
        "null",
        "[]",
        '"\\u00e9\\ud83d\\ude00 é"',
        "[1.0, 1e2, -0.0, 123456789012345678901234567890]",
        '{"b": 1, "a": {"c": [true, false, null]}}',
        '{"a": 1, "a": 2}',
        '  { "spaces" : 1 }\n',
    ],
)
async def test_a_result_reads_as_jsonb_would(mine: httpx.AsyncClient, database: Database, left: str) -> None:
    """RES-01: on the job and on its attempt, by value the same."""
    lease = await ran(mine, database)
    await settle(database, lease, status=0, body=left.encode())
    async with database.raw() as db:
        kept = await db.fetchval("SELECT convert_from(body, 'UTF8')::jsonb::text FROM attempts")
    job = await read(mine, {"id": lease.job_id})
    [attempt] = (await mine.get(f"/v1/jobs/{lease.job_id}/attempts")).json()["items"]
    assert job["result"] == attempt["result"] == json.loads(kept) == json.loads(left)


async def test_what_jsonb_would_refuse_is_kept(mine: httpx.AsyncClient, database: Database) -> None:
    lease = await ran(mine, database)
    await settle(database, lease, status=0, body=b'"a\\u0000b"')
    assert (await read(mine, {"id": lease.job_id}))["result"] == "a\0b"


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.FAILED])
async def test_what_is_wrong_with_a_result_is_shown(
    mine: httpx.AsyncClient, database: Database, outcome: Outcome
) -> None:
    """RES-02, RES-03: beside the error of the attempt, if it has one."""
    lease = await ran(mine, database)
    fault = {"code": "result_too_large", "message": "result.json has more than 1048576 bytes."}
    failed = outcome is Outcome.FAILED
    given = {"error_code": "exited", "error_message": "It exited with 1."} if failed else {}
    await settle(database, lease, outcome, status=int(failed), headers=msgspec.json.encode(fault), **given)
    [attempt] = (await mine.get(f"/v1/jobs/{lease.job_id}/attempts")).json()["items"]
    assert attempt["result_error"] == fault
    assert (attempt["error"] is not None) == failed
    job = await read(mine, {"id": lease.job_id})
    assert (job["result"], job["result_error"]) == (None, None if failed else fault)
