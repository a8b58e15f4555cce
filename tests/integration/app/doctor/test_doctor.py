"""GET /v1/doctor and GET /v1/replicas."""

from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest

from app.doctor import store
from core.db import Database
from core.replicas import store as replicas
from core.replicas.store import Replica
from tests.capabilities import SERVER
from tests.integration.app.conftest import SignIn, bearer
from tests.integration.app.credentials import carrying, make_token


@pytest.fixture
async def auth(sign_in: SignIn) -> dict[str, str]:
    return bearer(await sign_in("me@example.com"))


async def examined(api: httpx.AsyncClient, auth: dict[str, str]) -> dict[str, Any]:
    answer = await api.get("/v1/doctor", headers=auth)
    assert answer.status_code == 200, answer.text
    report: dict[str, Any] = answer.json()
    return report


async def beat(database: Database, *, draining: bool = False, ttl_seconds: float = 15.0) -> str:
    replica = Replica(uuid4(), concurrency=7, host="a-host-nobody-needs-to-know")
    async with database.raw() as db:
        await replicas.beat(db, replica, ttl_seconds=ttl_seconds, draining=draining)
    return str(replica.id)


async def test_an_installation_without_replicas_is_failing(
    api: httpx.AsyncClient, auth: dict[str, str]
) -> None:
    report = await examined(api, auth)
    assert report["verdict"] == "failing"
    assert [one["name"] for one in report["findings"] if one["verdict"] == "failing"] == ["live_replicas"]


async def test_a_whole_installation_is_fine(
    api: httpx.AsyncClient, auth: dict[str, str], database: Database
) -> None:
    await beat(database)
    found = {one["name"]: one for one in (await examined(api, auth))["findings"]}
    # The database of tests is set up to be fast, and a busy machine may be slow.
    beside = {"database_latency_seconds", "durable_commits"}
    assert {one["verdict"] for name, one in found.items() if name not in beside} == {"fine"}
    assert found["live_replicas"]["value"] == 1
    assert found["days_of_history_ahead"]["value"] == 8
    assert found["clock_skew_seconds"]["value"] < 1


async def test_what_is_used_of_the_database_is_told(api: httpx.AsyncClient, auth: dict[str, str]) -> None:
    used = [one for one in (await examined(api, auth))["findings"] if one["name"].startswith("uses_")]
    left = msgspec.structs.asdict(SERVER)
    assert {one["name"]: one["value"] for one in used} == {f"uses_{name}": left[name] for name in left}


async def test_a_plain_history_is_examined_too(plain: Database) -> None:
    async with plain.raw() as db:
        server, look = await store.server(db, partitions=False), await store.look(db)
    assert (server.astray, look.days_ahead) == (False, 8)


async def test_what_waits_too_long_is_seen(
    api: httpx.AsyncClient, auth: dict[str, str], database: Database
) -> None:
    await beat(database)
    body = {"target": {"url": "https://example.com/"}}
    assert (await api.post("/v1/jobs", json=body, headers=auth)).status_code == 201
    async with database.raw() as db:
        await db.execute("UPDATE ready SET due_at = now() - interval '1 hour'")
    found = {one["name"]: one for one in (await examined(api, auth))["findings"]}
    assert found["oldest_ready_age_seconds"]["verdict"] == "failing"


async def test_the_doctor_takes_the_admin_scope(api: httpx.AsyncClient, auth: dict[str, str]) -> None:
    narrow = carrying(await make_token(api, auth, ["jobs:read", "jobs:write"]))
    assert (await api.get("/v1/doctor", headers=narrow)).status_code == 403


async def test_replicas_are_listed_by_how_they_are_doing(
    api: httpx.AsyncClient, auth: dict[str, str], database: Database
) -> None:
    alive = await beat(database)
    draining = await beat(database, draining=True)
    lost = await beat(database, ttl_seconds=-1.0)
    answer = await api.get("/v1/replicas", headers=auth)
    items = {one["id"]: one for one in answer.json()["items"]}
    assert {name: one["state"] for name, one in items.items()} == {
        alive: "alive", draining: "draining", lost: "lost",
    }  # fmt: skip
    assert items[alive]["concurrency"] == 7
    assert items[alive]["in_flight"] == 0
    assert "a-host-nobody-needs-to-know" not in answer.text
