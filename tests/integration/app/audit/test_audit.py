"""The audit: one row for each change, in the transaction of the change, without secrets."""

from typing import Any

import httpx
import pytest

from app.audit import store as audit
from app.audit.model import Action
from app.principal import Actor, Principal
from core import ids
from core.db import Database
from tests.integration.app.conftest import SignIn, bearer
from tests.integration.app.credentials import carrying, make_token


@pytest.fixture
async def grant(sign_in: SignIn) -> dict[str, Any]:
    return await sign_in("me@example.com")


async def told(api: httpx.AsyncClient, auth: dict[str, str]) -> list[dict[str, Any]]:
    answer = await api.get("/v1/audit", headers=auth)
    assert answer.status_code == 200
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_each_change_says_who_what_when_and_by_which_request(
    api: httpx.AsyncClient, grant: dict[str, Any]
) -> None:
    made = await make_token(api, bearer(grant), ["admin"], name="ci")
    where = f"/v1/tenants/{grant['tenant']['id']}"
    headers = carrying(made) | {"X-Request-ID": "change-1"}
    await api.patch(where, json={"request_rate": None, "keep_jobs_days": 3}, headers=headers)
    await api.delete(f"/v1/tokens/{made['id']}", headers=bearer(grant))
    revoked, changed, created = await told(api, bearer(grant))
    assert (created["action"], created["actor"], created["actor_id"], created["subject"]) == (
        "token.created", "user", grant["user"]["id"], made["id"],
    )  # fmt: skip
    assert created["detail"] == {"name": "ci", "prefix": made["prefix"], "scopes": ["admin"]}
    assert (changed["action"], changed["actor"], changed["actor_id"]) == (
        "tenant.changed",
        "token",
        made["id"],
    )
    assert changed["detail"] == {"request_rate": None, "keep_jobs_days": 3}
    assert changed["request_id"] == "change-1"
    assert (revoked["action"], revoked["detail"]) == (
        "token.revoked",
        {"name": "ci", "prefix": made["prefix"]},
    )


async def test_what_changed_nothing_is_not_told(api: httpx.AsyncClient, grant: dict[str, Any]) -> None:
    where = f"/v1/tenants/{grant['tenant']['id']}"
    await api.patch(where, json={}, headers=bearer(grant))
    await api.patch(where, json={"request_burst": 0}, headers=bearer(grant))
    await api.delete(f"/v1/tokens/{ids.new()}", headers=bearer(grant))
    await api.request("DELETE", where, json={"confirm": "no"}, headers=bearer(grant))
    await api.post("/v1/tokens", json={"name": "x", "scopes": []}, headers=bearer(grant))
    assert await told(api, bearer(grant)) == []


@pytest.mark.promise(11)
async def test_no_secret_is_told(api: httpx.AsyncClient, grant: dict[str, Any], database: Database) -> None:
    made = await make_token(api, bearer(grant))
    await api.post("/v1/signing-secrets/rotate", headers=bearer(grant))
    secrets = (await api.get("/v1/signing-secrets", headers=bearer(grant))).json()["items"]
    async with database.raw() as db:
        rows = await db.fetchval("SELECT string_agg(a::text, ' ') FROM audit a")
    for secret in (made["token"], made["token"][12:], *(one["secret"][6:] for one in secrets)):
        assert secret not in rows


async def test_a_row_goes_with_its_transaction(
    api: httpx.AsyncClient, grant: dict[str, Any], database: Database
) -> None:
    principal = Principal(tenant_id=grant["tenant"]["id"], actor=Actor.USER)

    async def fail() -> None:
        async with database.raw() as db, db.transaction():
            await audit.record(db, principal, Action.DEAD_LETTERS_PURGED, "all", {"count": 3})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await told(api, bearer(grant)) == []


async def test_a_tenant_reads_its_own_page_by_page(
    api: httpx.AsyncClient, grant: dict[str, Any], sign_in: SignIn
) -> None:
    other = await sign_in("somebody.else@example.com")
    made = [(await make_token(api, bearer(grant)))["id"] for _ in range(3)]
    await make_token(api, bearer(other))
    first = (await api.get("/v1/audit", params={"limit": 2}, headers=bearer(grant))).json()
    follow = {"limit": 2, "cursor": first["next_cursor"]}
    second = (await api.get("/v1/audit", params=follow, headers=bearer(grant))).json()
    assert [one["subject"] for one in first["items"] + second["items"]] == made[::-1]
    assert second["next_cursor"] is None
    assert len(await told(api, bearer(other))) == 1


async def test_the_audit_takes_the_admin_scope(api: httpx.AsyncClient, grant: dict[str, Any]) -> None:
    narrow = carrying(await make_token(api, bearer(grant), ["jobs:read", "jobs:write"]))
    assert (await api.get("/v1/audit", headers=narrow)).status_code == 403
