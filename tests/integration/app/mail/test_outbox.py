"""The development outbox: for this machine and nobody else."""

from datetime import datetime

import httpx
import pytest

from app import application
from app.edge import Edge
from core.db import Database
from core.sealing import Keyring
from core.settings import Settings
from tests.integration.app.conftest import client


async def test_it_shows_the_newest_mail_first_and_only_those_asked_for(api: httpx.AsyncClient) -> None:
    for email in ("a@x.io", "b@x.io", "a@x.io"):
        await api.post("/v1/auth/magic-link", json={"email": email})
    items = (await api.get("/dev/outbox", params={"to": "a@x.io"})).json()["items"]
    assert [item["to"] for item in items] == ["a@x.io", "a@x.io"]
    assert items[0].keys() == {"to", "subject", "text", "html", "link", "created_at"}
    first, second = [datetime.fromisoformat(item["created_at"]) for item in items]
    assert first > second
    assert len((await api.get("/dev/outbox")).json()["items"]) == 3


@pytest.mark.parametrize("to", ["nobody@x.io", "no address", ""])
async def test_for_anybody_else_it_is_empty(api: httpx.AsyncClient, to: str) -> None:
    await api.post("/v1/auth/magic-link", json={"email": "a@x.io"})
    assert (await api.get("/dev/outbox", params={"to": to})).json() == {"items": []}


@pytest.mark.parametrize(
    "name",
    [
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Real-IP",
        "Via",
        "CF-Connecting-IP",
    ],
)
async def test_a_forwarded_request_is_refused(api: httpx.AsyncClient, name: str) -> None:
    answer = await api.get("/dev/outbox", headers={name: "127.0.0.1"})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "192.0.2.1:8080"])
async def test_a_rebound_name_is_refused(api: httpx.AsyncClient, host: str) -> None:
    assert (await api.get("/dev/outbox", headers={"Host": host})).status_code == 403


async def test_another_machine_is_refused(edge: Edge) -> None:
    async with client(edge, "192.0.2.1") as stranger:
        assert (await stranger.get("/dev/outbox")).status_code == 403


async def test_in_production_it_does_not_exist(
    settings: Settings, database: Database, keyring: Keyring
) -> None:
    produced = {name: getattr(settings, name) for name in settings.__struct_fields__} | {"env": "production"}
    async with client(application.build(Settings(**produced), database, keyring)) as api:
        assert (await api.get("/dev/outbox")).status_code == 404
