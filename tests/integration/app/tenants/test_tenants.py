"""Tenants: made by the operator, changed by a merge patch, unknown to one another."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest

from app import application
from app.edge import Edge
from core.db import Database
from core.sealing import Keyring
from core.settings import Settings
from tests.integration.app.conftest import SignIn, bearer, client
from tests.integration.app.credentials import carrying, holder, make_token

SECRET = "the-operators-secret-of-all-these-tests"
OPERATOR = {"Authorization": f"Bearer {SECRET}"}
DEFAULTS = {
    "request_rate": 200.0,
    "request_burst": 400,
    "keep_jobs_days": 30,
    "keep_history_days": 30,
    "keep_dead_letters_days": 90,
    "max_concurrency": 0,
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, admin_secret=SECRET)


@pytest.fixture
async def made(api: httpx.AsyncClient) -> dict[str, Any]:
    answer = await api.post("/v1/tenants", json={"name": "acme"}, headers=OPERATOR)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


@pytest.fixture
async def acme(edge: Edge, made: dict[str, Any]) -> AsyncIterator[httpx.AsyncClient]:
    """The API as the new tenant's first token sees it."""
    async with holder(edge, carrying(made["token"])) as opened:
        yield opened


def path(made: dict[str, Any]) -> str:
    return f"/v1/tenants/{made['tenant']['id']}"


async def test_a_new_tenant_has_all_it_needs_to_work(acme: httpx.AsyncClient, made: dict[str, Any]) -> None:
    assert (made["tenant"] | DEFAULTS, made["tenant"]["name"]) == (made["tenant"], "acme")
    assert made["token"]["scopes"] == ["admin", "jobs:read", "jobs:write"]
    assert len((await acme.get("/v1/signing-secrets")).json()["items"]) == 1
    assert (await acme.post("/v1/jobs", json={"target": {"url": "https://example.com/"}})).status_code == 201
    assert (await acme.get("/v1/me")).json()["tenant"]["id"] == made["tenant"]["id"]


async def test_the_token_is_not_shown_again(acme: httpx.AsyncClient, made: dict[str, Any]) -> None:
    for where in ("/v1/tokens", "/v1/tenants/current", path(made), "/v1/audit", "/v1/me"):
        assert made["token"]["token"] not in (await acme.get(where)).text


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer wrong", f"Basic {SECRET}", SECRET, f"Bearer {SECRET}x"]
)
async def test_nobody_else_makes_tenants(api: httpx.AsyncClient, value: str) -> None:
    headers = {"Authorization": value} if value else {}
    assert (await api.post("/v1/tenants", json={"name": "x"}, headers=headers)).status_code == 401


async def test_no_tenants_credential_makes_tenants(acme: httpx.AsyncClient) -> None:
    assert (await acme.post("/v1/tenants", json={"name": "x"})).status_code == 401


async def test_without_a_configured_secret_nobody_makes_tenants(
    settings: Settings, database: Database, keyring: Keyring
) -> None:
    for unset in (None, ""):
        bare = msgspec.structs.replace(settings, admin_secret=unset)
        async with client(application.build(bare, database, keyring)) as opened:
            for headers in (OPERATOR, {"Authorization": "Bearer None"}, {"Authorization": "Bearer "}):
                answer = await opened.post("/v1/tenants", json={"name": "x"}, headers=headers)
                assert answer.status_code == 401


async def test_the_operators_secret_opens_nothing_else(api: httpx.AsyncClient) -> None:
    for where in ("/v1/me", "/v1/tokens", "/v1/tenants/current", "/v1/audit"):
        assert (await api.get(where, headers=OPERATOR)).status_code == 401


async def test_what_a_patch_names_changes_and_the_rest_stays(
    acme: httpx.AsyncClient, made: dict[str, Any]
) -> None:
    first = await acme.patch(path(made), json={"keep_jobs_days": 7, "name": "Acme"})
    assert first.status_code == 200
    assert first.json() == made["tenant"] | {"keep_jobs_days": 7, "name": "Acme"}
    second = await acme.patch(path(made), json={"request_burst": 50})
    assert second.json() == first.json() | {"request_burst": 50}
    assert (await acme.get("/v1/tenants/current")).json() == second.json()
    assert (await acme.get(path(made))).json() == second.json()


async def test_null_is_the_default_again_and_zero_is_zero(
    acme: httpx.AsyncClient, made: dict[str, Any]
) -> None:
    zero = {"request_rate": 0, "keep_jobs_days": 0, "keep_history_days": 0, "keep_dead_letters_days": 0}
    assert (await acme.patch(path(made), json=zero)).json() == made["tenant"] | zero
    cleared = dict.fromkeys(DEFAULTS)
    assert (await acme.patch(path(made), json=cleared)).json() == made["tenant"]


async def test_an_empty_patch_changes_nothing(acme: httpx.AsyncClient, made: dict[str, Any]) -> None:
    assert (await acme.patch(path(made), json={})).json() == made["tenant"]


async def test_the_media_type_of_merge_patches_is_taken(
    acme: httpx.AsyncClient, made: dict[str, Any]
) -> None:
    headers = {"Content-Type": "application/merge-patch+json"}
    answer = await acme.patch(path(made), content=b'{"name": "Acme"}', headers=headers)
    assert (answer.status_code, answer.json()["name"]) == (200, "Acme")


@pytest.mark.parametrize(
    "patch",
    [
        {"request_rate": -1},
        {"request_rate": 1e-9},
        {"request_rate": 1e9},
        {"request_burst": 0},
        {"request_burst": 1.5},
        {"keep_jobs_days": -1},
        {"name": None},
        {"name": ""},
        {"id": str(uuid4())},
        {"erased_at": None},
        {"tenant_id": str(uuid4())},
        [],
    ],
)
async def test_what_does_not_fit_changes_nothing(
    acme: httpx.AsyncClient, made: dict[str, Any], patch: object
) -> None:
    body = {"keep_jobs_days": 5} | patch if isinstance(patch, dict) else patch
    assert (await acme.patch(path(made), json=body)).status_code == 422
    assert (await acme.get(path(made))).json() == made["tenant"]


async def test_another_tenant_is_as_unknown_as_one_that_never_was(
    acme: httpx.AsyncClient, sign_in: SignIn
) -> None:
    other = (await sign_in("somebody.else@example.com"))["tenant"]["id"]
    for method, body in (("GET", None), ("PATCH", {"name": "mine"}), ("DELETE", {"confirm": "x"})):
        theirs = await acme.request(method, f"/v1/tenants/{other}", json=body)
        nobodys = await acme.request(method, f"/v1/tenants/{uuid4()}", json=body)
        assert theirs.status_code == nobodys.status_code == 404
        assert theirs.json() | {"request_id": ""} == nobodys.json() | {"request_id": ""}


async def test_settings_take_the_admin_scope(api: httpx.AsyncClient, made: dict[str, Any]) -> None:
    token = carrying(made["token"])
    narrow = carrying(await make_token(api, token, ["jobs:read", "jobs:write"]))
    assert (await api.get(path(made), headers=narrow)).status_code == 200
    assert (await api.patch(path(made), json={"name": "x"}, headers=narrow)).status_code == 403
    refused = await api.request("DELETE", path(made), json={"confirm": "acme"}, headers=narrow)
    assert refused.status_code == 403


async def test_an_erasure_wants_the_name(acme: httpx.AsyncClient, made: dict[str, Any]) -> None:
    for body in ({}, {"confirm": "ACME"}, {"confirm": True}, {"confirm": ""}):
        assert (await acme.request("DELETE", path(made), json=body)).status_code == 422
    assert (await acme.get("/v1/me")).status_code == 200


async def test_with_an_erasure_every_credential_dies(
    api: httpx.AsyncClient, sign_in: SignIn, database: Database
) -> None:
    grant = await sign_in("me@example.com")
    token = carrying(await make_token(api, bearer(grant)))
    where = f"/v1/tenants/{grant['tenant']['id']}"
    body = {"confirm": "me@example.com"}
    answer = await api.request("DELETE", where, json=body, headers=token)
    assert (answer.status_code, answer.json()) == (202, {"id": grant["tenant"]["id"], "status": "erasing"})
    for auth in (token, bearer(grant)):
        assert (await api.get("/v1/me", headers=auth)).status_code == 401
    refreshed = await api.post("/v1/auth/refresh", json={"refresh_token": grant["refresh_token"]})
    assert refreshed.status_code == 401
    async with database.raw() as db:
        assert await db.fetchval("SELECT bool_and(paused) FROM queues")


async def test_an_address_can_sign_in_again_after_an_erasure(api: httpx.AsyncClient, sign_in: SignIn) -> None:
    first = await sign_in("me@example.com")
    where = f"/v1/tenants/{first['tenant']['id']}"
    await api.request("DELETE", where, json={"confirm": "me@example.com"}, headers=bearer(first))
    again = await sign_in("me@example.com")
    assert again["tenant"]["id"] != first["tenant"]["id"]
    assert (await api.get("/v1/me", headers=bearer(again))).status_code == 200
