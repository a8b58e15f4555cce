"""PATCH /v1/jobs/{id}, while the job waits: when it fires, and everything but its target."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from core.db import Database
from core.jobs import store as jobs
from core.jobs.model import Outcome
from tests.integration.app.jobs.orders import REPLICA, claim, come_due, make, read, settle
from tests.integration.app.jobs.test_read import kinds

FAR = "2099-01-01T00:00:00Z"


async def edit(api: httpx.AsyncClient, job: dict[str, Any], **given: Any) -> httpx.Response:
    return await api.patch(f"/v1/jobs/{job['id']}", json=given)


async def test_a_scheduled_job_moves_to_another_time(mine: httpx.AsyncClient) -> None:
    job = await make(mine, delay_seconds=60)
    answer = await edit(mine, job, fire_at=FAR)
    assert answer.status_code == 200, answer.text
    assert answer.json() == await read(mine, job)
    assert (answer.json()["fire_at"], answer.json()["next_attempt_at"]) == (FAR, FAR)
    assert await kinds(mine, job) == ["created", "edited"]


async def test_a_scheduled_job_can_be_brought_to_now(mine: httpx.AsyncClient, database: Database) -> None:
    job = await make(mine, delay_seconds=60)
    assert (await edit(mine, job, delay_seconds=0)).json()["state"] == "queued"
    assert await kinds(mine, job) == ["created", "edited", "queued"]
    assert str((await claim(database)).job_id) == job["id"]


async def test_a_queued_job_can_be_put_off(mine: httpx.AsyncClient, database: Database) -> None:
    job = await make(mine)
    answer = await edit(mine, job, delay_seconds=90)
    assert answer.json()["state"] == "scheduled"
    fires = datetime.fromisoformat(answer.json()["fire_at"])
    assert fires - datetime.fromisoformat(job["created_at"]) >= timedelta(seconds=90)
    async with database.raw() as db:
        assert await db.fetchval("SELECT count(*) FROM ready") == 0


async def test_a_queued_job_gets_another_place_by_its_priority(
    mine: httpx.AsyncClient, database: Database
) -> None:
    first, second = await make(mine), await make(mine)
    answer = await edit(mine, second, priority="critical")
    assert (answer.json()["priority"], answer.json()["fire_at"]) == (100, second["fire_at"])
    async with database.raw() as db:
        queue = await db.fetchval("SELECT queue_id FROM ready LIMIT 1")
        leases = await jobs.claim(db, [(queue, 2, None)], replica=REPLICA)
    assert [str(lease.job_id) for lease in leases] == [second["id"], first["id"]]


async def test_a_retry_keeps_its_number_its_instant_and_its_losses(
    mine: httpx.AsyncClient, database: Database
) -> None:
    job = await make(mine)
    await settle(database, await claim(database), Outcome.LOST, retry_seconds=30.0)
    before = await read(mine, job)
    after = (await edit(mine, job, priority=1)).json()
    assert after == before | {"priority": 1}
    await come_due(database)
    lease = await claim(database)
    assert (lease.attempt, lease.losses) == (2, 1)


async def test_what_was_changed_stands_in_the_history(mine: httpx.AsyncClient) -> None:
    job = await make(mine, delay_seconds=60)
    await edit(mine, job, fire_at=FAR, priority=7)
    event = (await mine.get(f"/v1/jobs/{job['id']}/events")).json()["items"][-1]
    assert (event["data"]["priority"], event["data"]["changed"]) == (7, ["fire_at", "priority"])
    assert datetime.fromisoformat(event["data"]["fire_at"]) == datetime.fromisoformat(FAR)


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({}, ""),
        ({"target": {}, "labels": {}, "retry": {}}, ""),
        ({"fire_at": FAR, "delay_seconds": 1}, "/delay_seconds"),
        ({"fire_at": "9999-12-31T23:59:59-12:00"}, "/fire_at"),
        ({"fire_at": None}, "/fire_at"),
        ({"delay_seconds": 3_000_000_000}, "/delay_seconds"),
        ({"priority": 101}, "/priority"),
        ({"timeout_seconds": 0}, "/timeout_seconds"),
        ({"timeout_seconds": None}, "/timeout_seconds"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"expires_at": "2300-01-01T00:00:00Z"}, "/expires_at"),
        ({"success": {"status": []}}, "/success/status"),
        ({"success": {"status": ["2xx", "nix"]}}, "/success/status/1"),
        ({"retry": {"max_attempts": 22}}, "/retry/max_attempts"),
        ({"retry": {"max_seconds": 1}}, "/retry/base_seconds"),
        ({"labels": {"": "x"}}, "/labels/"),
        ({"labels": 1}, "/labels"),
        ({"labels": {str(n): "" for n in range(33)}}, "/labels"),
        ({"id": "x"}, "/id"),
        ({"queue": "nowhere"}, "/queue"),
        ({"fire_at": FAR}, "/fire_at"),
    ],
)
async def test_a_change_that_cannot_be_is_refused(
    mine: httpx.AsyncClient, given: dict[str, Any], pointer: str
) -> None:
    job = await make(mine, delay_seconds=60, expires_at="2098-01-01T00:00:00Z")
    answer = await edit(mine, job, **given)
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]
    assert await read(mine, job) == job


async def test_every_fault_of_a_change_is_told_at_once(mine: httpx.AsyncClient) -> None:
    job = await make(mine, delay_seconds=60, headers={"Authorization": "Bearer x"})
    answer = await edit(
        mine,
        job,
        target={"url": "ftp://x/", "headers": {"Authorization": "***", "Host": "a"}, "secret_headers": ["X"]},
        queue="nowhere",
        fire_at=FAR,
        delay_seconds=1,
        expires_at="1999-01-01T00:00:00Z",
        success={"status": ["6xx"]},
        retry={"base_seconds": 9000},
        labels={"a\u0007": "b"},
    )
    assert answer.status_code == 422
    assert {(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]} == {
        ("/target/url", "url_scheme"),
        ("/target/headers/Host", "header_reserved"),
        ("/target/headers/Authorization", "masked_value"),
        ("/target/secret_headers/0", "unknown_header"),
        ("/delay_seconds", "conflicting"),
        ("/queue", "unknown_queue"),
        ("/expires_at", "too_early"),
        ("/success/status/0", "wrong_format"),
        ("/retry/base_seconds", "out_of_range"),
        ("/labels/a\u0007", "control_character"),
    }
    assert await read(mine, job) == job


async def test_what_does_not_fit_the_schema_does_not_hide_the_other_faults(mine: httpx.AsyncClient) -> None:
    job = await make(mine, delay_seconds=60)
    given = {"priority": "urgent", "labels": {"": "x"}, "target": {"url": "x", "secret_headers": ["X-Any"]}}
    answer = await edit(mine, job, **given, expires_at="1999-01-01T00:00:00Z")
    told = [fault["pointer"] for fault in answer.json()["errors"]]
    assert sorted(told) == ["/expires_at", "/labels/", "/priority", "/target/url"]


async def test_labels_are_merged(mine: httpx.AsyncClient) -> None:
    job = await make(mine, delay_seconds=60, labels={"team": "billing", "old": "1", "kept": "2"})
    answer = await edit(mine, job, labels={"team": "sales", "old": None, "never": None, "new": ""})
    assert answer.json() == job | {"labels": {"team": "sales", "kept": "2", "new": ""}}
    assert (await edit(mine, job, labels=None)).json()["labels"] == {}


async def test_a_retry_policy_is_merged_and_null_is_the_default_again(mine: httpx.AsyncClient) -> None:
    job = await make(mine, delay_seconds=60, retry={"max_attempts": 9, "base_seconds": 10, "jitter": 0})
    changed = await edit(mine, job, retry={"max_attempts": 2, "jitter": None})
    assert changed.json() == job | {
        "retry": job["retry"] | {"max_attempts": 2, "jitter": 0.25},
        "attempts_left": 2,
    }
    changed = await edit(mine, job, retry=None)
    assert changed.json()["retry"]["base_seconds"] == 30.0


async def test_the_success_rule_is_replaced_and_null_is_the_default_again(mine: httpx.AsyncClient) -> None:
    job = await make(mine, delay_seconds=60, success={"status": ["200"]})
    changed = await edit(mine, job, success={"status": ["2xx", "404"]})
    assert changed.json() == job | {"success": {"status": ["2xx", "404"]}}
    assert (await edit(mine, job, success={"status": None})).json()["success"] == {"status": ["2xx"]}
    assert (await edit(mine, job, success=None)).json()["success"] == {"status": ["2xx"]}


async def test_the_timeout_is_that_of_the_next_attempt(mine: httpx.AsyncClient, database: Database) -> None:
    job = await make(mine)
    assert (await edit(mine, job, timeout_seconds=7)).json() == job | {"timeout_seconds": 7}
    assert (await claim(database)).timeout_seconds == 7


async def test_an_expiry_is_set_and_taken_away(mine: httpx.AsyncClient) -> None:
    job = await make(mine, delay_seconds=60)
    assert (await edit(mine, job, expires_at=FAR)).json() == job | {"expires_at": FAR}
    assert (await edit(mine, job, expires_at=None)).json() == job


async def test_an_expiry_and_a_fire_time_are_judged_together(mine: httpx.AsyncClient) -> None:
    job = await make(mine, delay_seconds=60, expires_at="2050-01-01T00:00:00Z")
    answer = await edit(mine, job, delay_seconds=2_000_000_000)
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/delay_seconds"]
    answer = await edit(mine, job, fire_at="2060-01-01T00:00:00Z", expires_at="2059-01-01T00:00:00Z")
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/expires_at"]
    assert (await edit(mine, job, fire_at="2060-01-01T00:00:00Z", expires_at=FAR)).status_code == 200
    assert (await edit(mine, job, fire_at="2061-01-01T00:00:00Z", expires_at=None)).status_code == 200


@pytest.mark.parametrize("delay", [0, 60])
async def test_a_job_moves_to_another_queue_with_its_place(
    mine: httpx.AsyncClient, database: Database, delay: int
) -> None:
    job = await make(mine, delay_seconds=delay)
    async with database.raw() as db:
        await db.execute(
            "INSERT INTO queues (id, tenant_id, name) SELECT gen_random_uuid(), tenant_id, 'slow' FROM queues"
        )
    assert (await edit(mine, job, queue="slow")).json() == job | {"queue": "slow"}
    async with database.raw() as db:
        places = await db.fetch(
            """SELECT q.name FROM queues q JOIN jobs j ON j.queue_id = q.id JOIN (
                 SELECT queue_id FROM timers UNION ALL SELECT queue_id FROM ready) p ON p.queue_id = q.id"""
        )
    assert [row[0] for row in places] == ["slow"]


async def test_another_tenants_queue_is_unknown(mine: httpx.AsyncClient, database: Database) -> None:
    job = await make(mine, delay_seconds=60)
    async with database.raw() as db:
        await db.execute(
            "INSERT INTO queues (id, tenant_id, name) VALUES (gen_random_uuid(), gen_random_uuid(), 'slow')"
        )
    answer = await edit(mine, job, queue="slow")
    assert [fault["code"] for fault in answer.json()["errors"]] == ["unknown_queue"]


async def test_a_job_keeps_the_attempts_it_has_begun(mine: httpx.AsyncClient, database: Database) -> None:
    job = await make(mine)
    await settle(database, await claim(database), Outcome.FAILED, retry_seconds=30.0)
    answer = await edit(mine, job, retry={"max_attempts": 1})
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/retry/max_attempts"]
    changed = await edit(mine, job, retry={"max_attempts": 2}, labels={"a": "b"}, timeout_seconds=9)
    assert (changed.status_code, changed.json()["attempts_left"]) == (200, 1)


async def test_a_merge_patch_may_say_that_it_is_one(mine: httpx.AsyncClient) -> None:
    job = await make(mine, delay_seconds=60)
    headers = {"Content-Type": "application/merge-patch+json"}
    answer = await mine.patch(f"/v1/jobs/{job['id']}", content=b'{"labels":{"a":"b"}}', headers=headers)
    assert answer.json()["labels"] == {"a": "b"}


async def test_a_running_job_cannot_be_edited(mine: httpx.AsyncClient, database: Database) -> None:
    job = await make(mine)
    await claim(database)
    answer = await edit(mine, job, priority=1)
    assert (answer.status_code, answer.json()["code"]) == (409, "job_not_editable")


async def test_a_job_claimed_ahead_is_starting(mine: httpx.AsyncClient, database: Database) -> None:
    job = await make(mine, delay_seconds=60)
    async with database.raw() as db:
        await jobs.claim_ahead(db, replica=REPLICA, limit=1, seconds=120)
    answer = await edit(mine, job, fire_at=FAR)
    assert (answer.status_code, answer.json()["code"]) == (409, "starting")
    await mine.post(f"/v1/jobs/{job['id']}/cancel")
    answer = await edit(mine, job, fire_at=FAR)
    assert (answer.status_code, answer.json()["code"]) == (409, "job_not_editable")


async def test_a_finished_job_cannot_be_edited(mine: httpx.AsyncClient, database: Database) -> None:
    job = await make(mine)
    await settle(database, await claim(database))
    answer = await edit(mine, job, priority=1)
    assert (answer.status_code, answer.json()["code"]) == (409, "job_finished")


async def test_a_foreign_job_cannot_be_edited(mine: httpx.AsyncClient, theirs: httpx.AsyncClient) -> None:
    job = await make(mine)
    for id in (job["id"], str(uuid4()), "x"):
        assert (await theirs.patch(f"/v1/jobs/{id}", json={"priority": 1})).status_code == 404
    assert await read(mine, job) == job
