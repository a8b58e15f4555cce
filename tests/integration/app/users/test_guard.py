"""Private unless said otherwise, for every method and every way of writing a credential."""

import re
import time
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from litestar.routes import HTTPRoute

from app import application, routers
from app.edge import Edge
from app.users import keys, tokens
from app.users.tokens import Access
from core.db import Database
from core.settings import Settings
from tests.integration.app.conftest import ORIGIN, SignIn, bearer


async def statuses(api: httpx.AsyncClient, *values: str) -> int:
    headers = [("Authorization", value) for value in values]
    return (await api.get("/v1/me", headers=headers)).status_code


async def test_a_session_says_who_it_is(api: httpx.AsyncClient, sign_in: SignIn) -> None:
    grant = await sign_in("User@X.io")
    me = (await api.get("/v1/me", headers=bearer(grant))).json()
    assert (me["user"], me["tenant"]) == (grant["user"], grant["tenant"])
    assert me["scopes"] == ["admin", "jobs:read", "jobs:write"]
    assert me["user"]["email"] == "user@x.io"


@pytest.mark.parametrize("word", ["Bearer", "bearer", "BEARER", "bEaReR"])
async def test_the_scheme_word_has_no_case(api: httpx.AsyncClient, sign_in: SignIn, word: str) -> None:
    token = (await sign_in("a@x.io"))["access_token"]
    assert await statuses(api, f"{word} {token}") == 200


async def test_any_other_way_to_write_a_credential_is_refused(
    api: httpx.AsyncClient, sign_in: SignIn
) -> None:
    token = (await sign_in("a@x.io"))["access_token"]
    for value in (
        token,
        f"Basic {token}",
        f"Token {token}",
        f"xyz {token}",
        f"Bearer  {token}",
        f"Bearer{token}",
        f"Bearer {token} {token}",
        f"Bearer {token},Bearer {token}",
        f"Bearer\t{token}",
        "Bearer",
        "Bearer ",
        "",
    ):
        assert await statuses(api, value) == 401, value


async def test_two_credentials_are_none(api: httpx.AsyncClient, sign_in: SignIn) -> None:
    token = (await sign_in("a@x.io"))["access_token"]
    assert await statuses(api, f"Bearer {token}", f"Bearer {token}") == 401
    assert await statuses(api, f"Bearer {token}", "Basic x") == 401


async def test_a_token_in_the_query_or_a_cookie_is_no_credential(
    api: httpx.AsyncClient, sign_in: SignIn
) -> None:
    token = (await sign_in("a@x.io"))["access_token"]
    for name in ("token", "access_token", "authorization", "jwt"):
        assert (await api.get("/v1/me", params={name: token})).status_code == 401
        assert (await api.get("/v1/me", headers={"Cookie": f"{name}={token}"})).status_code == 401


async def test_a_refresh_token_is_no_access_token(api: httpx.AsyncClient, sign_in: SignIn) -> None:
    assert await statuses(api, f"Bearer {(await sign_in('a@x.io'))['refresh_token']}") == 401


@pytest.mark.parametrize("size", [5000, 20_000])
async def test_a_huge_token_is_refused(api: httpx.AsyncClient, size: int) -> None:
    assert await statuses(api, "Bearer " + "x" * size) == 401


async def test_bytes_that_are_no_text_are_refused(api: httpx.AsyncClient) -> None:
    answer = await api.get("/v1/me", headers=[(b"Authorization", b"Bearer \xff\xfe.\x80.\x80")])
    assert answer.status_code == 401


async def test_a_session_nobody_started_is_refused(api: httpx.AsyncClient, settings: Settings) -> None:
    derived = keys.derive(settings.jwt_secret or "")
    token = tokens.issue(derived, Access(user_id=uuid4(), session_id=uuid4()), now=time.time())
    assert await statuses(api, f"Bearer {token}") == 401


async def test_a_session_of_somebody_else_is_refused(
    api: httpx.AsyncClient, settings: Settings, sign_in: SignIn
) -> None:
    mine, other = await sign_in("a@x.io"), await sign_in("b@x.io")
    derived = keys.derive(settings.jwt_secret or "")
    session = tokens.read(derived, mine["access_token"])
    assert session is not None
    forged = Access(user_id=UUID(other["user"]["id"]), session_id=session.session_id)
    assert await statuses(api, f"Bearer {tokens.issue(derived, forged, now=time.time())}") == 401


async def test_a_session_that_ran_out_takes_its_tokens_along(
    api: httpx.AsyncClient, sign_in: SignIn, database: Database
) -> None:
    grant = await sign_in("a@x.io")
    async with database.raw() as connection:
        await connection.execute("UPDATE sessions SET expires_at = now() - interval '1 second'")
    assert (await api.get("/v1/me", headers=bearer(grant))).status_code == 401


async def test_routes_that_nobody_guards_answer_nobody() -> None:
    transport = httpx.ASGITransport(Edge(application.skeleton(), https=False))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as anybody:
        for path in ("/v1/me", "/healthz"):
            assert (await anybody.get(path)).status_code == 500


def listed() -> list[tuple[str, str, dict[str, Any]]]:
    app = application.skeleton()
    return [
        (method, route.path, handler.opt)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in handler.http_methods
    ]


def test_these_routes_are_public_and_no_others() -> None:
    public = {f"{method} {path}" for method, path, opt in listed() if opt.get("public")}
    assert public == {
        "GET /",
        "GET /sign-in",
        "GET /pages/sign-in.js",
        "GET /pages/style.css",
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
        "GET /v1/openapi.json",
        "POST /v1/auth/magic-link",
        "POST /v1/auth/verify",
        "POST /v1/auth/refresh",
    }


async def test_every_other_route_refuses_strangers_by_every_method(api: httpx.AsyncClient) -> None:
    open_to_some = ("public", "signed")
    private = [(method, path) for method, path, opt in listed() if not any(map(opt.get, open_to_some))]
    assert private
    for method, path in private:
        written = re.sub(r"\{[^}]*\}", str(uuid4()), path)
        answer = await api.request(method, written)
        assert answer.status_code == 401, (method, path)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
async def test_head_and_options_are_no_way_in(api: httpx.AsyncClient, method: str) -> None:
    assert (await api.request(method, "/v1/me")).status_code in (401, 405)


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"])
async def test_a_method_cannot_be_overridden(api: httpx.AsyncClient, name: str) -> None:
    assert (await api.get("/v1/auth/logout", headers={name: "POST"})).status_code == 405


def test_development_routes_are_listed_apart() -> None:
    assert not any(path.startswith("/dev") for _, path, _ in listed())
    assert [router().path for router in routers.DEVELOPMENT] == ["/dev"]
