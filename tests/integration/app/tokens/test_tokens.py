"""API tokens: shown once, resolved everywhere, refused as soon as they are revoked."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest

from app import application
from app.edge import Edge
from app.tokens import spelling
from core.db import Database
from core.sealing import Keyring
from core.settings import Settings
from tests.integration.app.conftest import SignIn, bearer, client
from tests.integration.app.credentials import carrying, make_token


@pytest.fixture
async def auth(sign_in: SignIn) -> dict[str, str]:
    return bearer(await sign_in("me@example.com"))


async def test_a_token_acts_for_its_tenant(api: httpx.AsyncClient, auth: dict[str, str]) -> None:
    token = await make_token(api, auth)
    me = (await api.get("/v1/me", headers=carrying(token))).json()
    assert me["user"] is None
    assert me["tenant"] == (await api.get("/v1/me", headers=auth)).json()["tenant"]


async def test_a_token_is_shown_once_and_known_by_its_prefix(
    api: httpx.AsyncClient, auth: dict[str, str]
) -> None:
    made = await make_token(api, auth, ["jobs:read"], name="ci")
    listed = await api.get("/v1/tokens", headers=auth)
    assert made["token"] not in listed.text
    shown = {name: value for name, value in made.items() if name != "token"}
    assert listed.json()["items"] == [shown]
    assert made["token"].startswith(made["prefix"])
    assert (shown["name"], shown["scopes"], shown["last_used_at"]) == ("ci", ["jobs:read"], None)


@pytest.mark.promise(11)
async def test_the_database_has_only_a_digest(
    api: httpx.AsyncClient, auth: dict[str, str], database: Database
) -> None:
    made = await make_token(api, auth)
    async with database.raw() as db:
        row = await db.fetchval("SELECT t::text FROM api_tokens t")
    assert made["token"].removeprefix(made["prefix"] + "_") not in row
    assert spelling.hashed(made["token"]).hex() in row


async def test_a_revoked_token_is_refused_by_every_process_with_its_next_request(
    api: httpx.AsyncClient,
    auth: dict[str, str],
    settings: Settings,
    database: Database,
    keyring: Keyring,
) -> None:
    made = await make_token(api, auth)
    async with client(application.build(settings, database, keyring)) as other:
        assert (await other.get("/v1/me", headers=carrying(made))).status_code == 200
        revoked = await api.delete(f"/v1/tokens/{made['id']}", headers=auth)
        assert (revoked.status_code, revoked.content) == (204, b"")
        for process in (api, other):
            assert (await process.get("/v1/me", headers=carrying(made))).status_code == 401
    assert (await api.delete(f"/v1/tokens/{made['id']}", headers=auth)).status_code == 404


async def test_a_token_may_revoke_itself(api: httpx.AsyncClient, auth: dict[str, str]) -> None:
    made = await make_token(api, auth)
    assert (await api.delete(f"/v1/tokens/{made['id']}", headers=carrying(made))).status_code == 204
    assert (await api.get("/v1/me", headers=carrying(made))).status_code == 401


async def test_a_token_is_refused_once_it_has_expired(
    api: httpx.AsyncClient, auth: dict[str, str], database: Database
) -> None:
    expires_at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    made = await make_token(api, auth, expires_at=expires_at)
    assert (await api.get("/v1/me", headers=carrying(made))).status_code == 200
    async with database.raw() as db:
        await db.execute("UPDATE api_tokens SET expires_at = now()")
    assert (await api.get("/v1/me", headers=carrying(made))).status_code == 401


async def test_a_token_that_has_expired_already_is_not_made(
    api: httpx.AsyncClient, auth: dict[str, str]
) -> None:
    asked = {"name": "late", "scopes": ["admin"], "expires_at": "2020-01-01T00:00:00Z"}
    answer = await api.post("/v1/tokens", json=asked, headers=auth)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/expires_at"


async def test_a_typo_is_refused_without_asking_the_database(
    api: httpx.AsyncClient, auth: dict[str, str], database: Database
) -> None:
    made = await make_token(api, auth)
    text = made["token"][:-1] + ("a" if made["token"][-1] != "a" else "b")
    await database.close()
    async with database.raw() as db:
        await db.execute("ALTER TABLE api_tokens RENAME TO elsewhere")
    assert (await api.get("/v1/me", headers=carrying(made | {"token": text}))).status_code == 401


async def test_a_token_nobody_made_is_refused(api: httpx.AsyncClient) -> None:
    assert (await api.get("/v1/me", headers=carrying({"token": spelling.fresh()}))).status_code == 401


async def test_a_token_makes_no_token_with_more_scopes_than_its_own(
    api: httpx.AsyncClient, auth: dict[str, str]
) -> None:
    narrow = carrying(await make_token(api, auth, ["admin", "jobs:read"]))
    asked = {"name": "wider", "scopes": ["jobs:read", "jobs:write"]}
    refused = await api.post("/v1/tokens", json=asked, headers=narrow)
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")
    same = await make_token(api, narrow, ["jobs:read"])
    assert same["scopes"] == ["jobs:read"]


@pytest.mark.parametrize("scopes", [[], ["read"], ["admin", "root"], "admin", None])
async def test_scopes_are_ours_and_at_least_one(
    api: httpx.AsyncClient, auth: dict[str, str], scopes: object
) -> None:
    answer = await api.post("/v1/tokens", json={"name": "x", "scopes": scopes}, headers=auth)
    assert answer.status_code == 422


async def test_a_scope_given_twice_is_one(api: httpx.AsyncClient, auth: dict[str, str]) -> None:
    assert (await make_token(api, auth, ["admin", "admin"]))["scopes"] == ["admin"]


async def test_last_use_is_noted_at_most_once_a_minute(
    api: httpx.AsyncClient, auth: dict[str, str], database: Database
) -> None:
    token = carrying(await make_token(api, auth))

    async def used() -> object:
        await api.get("/v1/me", headers=token)
        async with database.raw() as db:
            return await db.fetchval("SELECT last_used_at FROM api_tokens")

    first = await used()
    assert first is not None
    assert await used() == first
    async with database.raw() as db:
        await db.execute("UPDATE api_tokens SET last_used_at = now() - interval '61 seconds'")
    assert await used() not in (None, first)


async def test_tokens_are_listed_page_by_page_newest_first(
    api: httpx.AsyncClient, auth: dict[str, str]
) -> None:
    made = [(await make_token(api, auth, name=str(number)))["id"] for number in range(5)]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await api.get("/v1/tokens", params={"limit": "2"} | cursor, headers=auth)).json()
        seen += [one["id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == made[::-1]


async def test_another_tenants_token_does_not_exist(
    api: httpx.AsyncClient, auth: dict[str, str], sign_in: SignIn
) -> None:
    other = bearer(await sign_in("somebody.else@example.com"))
    theirs = await make_token(api, other)
    assert (await api.delete(f"/v1/tokens/{theirs['id']}", headers=auth)).status_code == 404
    assert (await api.get("/v1/tokens", headers=auth)).json()["items"] == []
    assert (await api.get("/v1/me", headers=carrying(theirs))).status_code == 200


async def test_a_token_that_never_was_cannot_be_revoked(api: httpx.AsyncClient, auth: dict[str, str]) -> None:
    assert (await api.delete(f"/v1/tokens/{uuid4()}", headers=auth)).status_code == 404


async def test_a_token_has_no_session_to_end(api: httpx.AsyncClient, auth: dict[str, str]) -> None:
    token = carrying(await make_token(api, auth))
    assert (await api.post("/v1/auth/logout", headers=token)).status_code == 403
    assert (await api.get("/v1/me", headers=token)).status_code == 200


async def test_a_token_in_the_url_is_no_credential(
    api: httpx.AsyncClient, auth: dict[str, str], edge: Edge
) -> None:
    made = await make_token(api, auth)
    assert (await api.get("/v1/me", params={"token": made["token"]})).status_code == 401
