"""Sessions: rotated, noticed when stolen, over at once when they are over."""

import asyncio
from typing import Any

import httpx
import pytest

from app import application
from app.edge import Edge
from core.db import Database
from core.sealing import Keyring
from core.settings import Settings
from reaper.upkeep import Upkeep
from tests.integration.app.conftest import ORIGIN, SignIn, bearer, client

COOKIE = "noonmark_refresh"


async def refresh(api: httpx.AsyncClient, token: str) -> httpx.Response:
    return await api.post("/v1/auth/refresh", json={"refresh_token": token})


async def refreshed(api: httpx.AsyncClient, token: str) -> dict[str, Any]:
    answer = await refresh(api, token)
    assert answer.status_code == 200
    granted: dict[str, Any] = answer.json()
    return granted


async def later(database: Database, seconds: int) -> None:
    """As if all this had happened some seconds earlier."""
    async with database.raw() as connection:
        await connection.execute(
            f"UPDATE refresh_tokens SET used_at = used_at - interval '{seconds} seconds'"
        )


async def test_a_refresh_gives_fresh_tokens_of_the_same_session(
    api: httpx.AsyncClient, sign_in: SignIn
) -> None:
    first = await sign_in("a@x.io")
    second = await refreshed(api, first["refresh_token"])
    assert second.keys() == first.keys()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["user"] == first["user"]
    assert (await api.get("/v1/me", headers=bearer(second))).status_code == 200


async def test_fifty_refreshes_at_once_get_one_successor(
    api: httpx.AsyncClient, sign_in: SignIn, database: Database
) -> None:
    first = await sign_in("a@x.io")
    answers = await asyncio.gather(*(refresh(api, first["refresh_token"]) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
    async with database.raw() as connection:
        assert await connection.fetchval("SELECT count(*) FROM refresh_tokens") == 2


async def test_a_lost_answer_is_given_again_for_a_moment(
    api: httpx.AsyncClient, sign_in: SignIn, database: Database
) -> None:
    first = await sign_in("a@x.io")
    second = await refreshed(api, first["refresh_token"])
    await later(database, 9)
    assert (await refreshed(api, first["refresh_token"]))["refresh_token"] == second["refresh_token"]


async def test_an_old_token_ends_the_whole_family(
    api: httpx.AsyncClient, sign_in: SignIn, database: Database
) -> None:
    first = await sign_in("a@x.io")
    second = await refreshed(api, first["refresh_token"])
    await later(database, 11)
    assert (await refresh(api, first["refresh_token"])).status_code == 401
    assert (await refresh(api, second["refresh_token"])).status_code == 401
    assert (await api.get("/v1/me", headers=bearer(second))).status_code == 401


async def test_a_token_whose_successor_was_used_is_old_even_at_once(
    api: httpx.AsyncClient, sign_in: SignIn
) -> None:
    first = await sign_in("a@x.io")
    second = await refreshed(api, first["refresh_token"])
    third = await refreshed(api, second["refresh_token"])
    assert (await refresh(api, first["refresh_token"])).status_code == 401
    assert (await refresh(api, third["refresh_token"])).status_code == 401


async def test_whoever_comes_first_the_thief_and_the_victim_both_lose(
    api: httpx.AsyncClient, sign_in: SignIn, database: Database
) -> None:
    stolen = (await sign_in("a@x.io"))["refresh_token"]
    thief = await refreshed(api, stolen)
    await later(database, 60)
    assert (await refresh(api, stolen)).status_code == 401
    assert (await api.get("/v1/me", headers=bearer(thief))).status_code == 401


async def test_one_family_ends_without_the_others(
    api: httpx.AsyncClient, sign_in: SignIn, database: Database
) -> None:
    first, other = await sign_in("a@x.io"), await sign_in("a@x.io")
    await refreshed(api, first["refresh_token"])
    await later(database, 60)
    await refresh(api, first["refresh_token"])
    assert (await api.get("/v1/me", headers=bearer(other))).status_code == 200


async def test_a_session_idle_for_7_days_is_over(
    api: httpx.AsyncClient, sign_in: SignIn, database: Database
) -> None:
    first = await sign_in("a@x.io")
    async with database.raw() as connection:
        idle = await connection.fetchval("SELECT expires_at - created_at FROM refresh_tokens")
        await connection.execute("UPDATE refresh_tokens SET expires_at = now()")
    assert idle.days == 7
    assert (await refresh(api, first["refresh_token"])).status_code == 401


async def test_no_refresh_outlives_the_30_days_of_a_session(
    api: httpx.AsyncClient, sign_in: SignIn, database: Database
) -> None:
    first = await sign_in("a@x.io")
    async with database.raw() as connection:
        whole = await connection.fetchval("SELECT expires_at - created_at FROM sessions")
        await connection.execute("UPDATE sessions SET expires_at = now() + interval '1 hour'")
        second = await refreshed(api, first["refresh_token"])
        assert await connection.fetchval(
            "SELECT max(expires_at) FROM refresh_tokens WHERE used_at IS NULL"
        ) == (await connection.fetchval("SELECT expires_at FROM sessions"))
        await connection.execute("UPDATE sessions SET expires_at = now()")
    assert whole.days == 30
    assert (await refresh(api, second["refresh_token"])).status_code == 401


@pytest.mark.parametrize("token", ["x", "x" * 43, "é", "a" * 512])
async def test_a_refresh_token_that_was_never_made_is_refused(api: httpx.AsyncClient, token: str) -> None:
    assert (await refresh(api, token)).status_code == 401


async def test_an_access_token_is_no_refresh_token(api: httpx.AsyncClient, sign_in: SignIn) -> None:
    token = (await sign_in("a@x.io"))["access_token"]
    assert (await refresh(api, token[:512])).status_code == 401


async def test_after_logout_every_token_of_the_session_is_dead(
    api: httpx.AsyncClient, sign_in: SignIn
) -> None:
    grant, other = await sign_in("a@x.io"), await sign_in("a@x.io")
    assert (await api.post("/v1/auth/logout", headers=bearer(grant))).status_code == 204
    assert (await api.get("/v1/me", headers=bearer(grant))).status_code == 401
    assert (await refresh(api, grant["refresh_token"])).status_code == 401
    assert (await api.get("/v1/me", headers=bearer(other))).status_code == 200


async def test_logging_out_everywhere_ends_all_of_this_user_and_nobody_else(
    api: httpx.AsyncClient, sign_in: SignIn
) -> None:
    grant, other, stranger = [await sign_in(email) for email in ("a@x.io", "a@x.io", "b@x.io")]
    answer = await api.post("/v1/auth/logout", json={"everywhere": True}, headers=bearer(grant))
    assert answer.status_code == 204
    assert (await api.get("/v1/me", headers=bearer(other))).status_code == 401
    assert (await refresh(api, other["refresh_token"])).status_code == 401
    assert (await api.get("/v1/me", headers=bearer(stranger))).status_code == 200


async def verified(api: httpx.AsyncClient, sign_in: SignIn) -> str:
    """A refresh token as the cookie would carry it."""
    return str((await sign_in("a@x.io"))["refresh_token"])


async def by_cookie(api: httpx.AsyncClient, token: str, **headers: str) -> httpx.Response:
    return await api.post("/v1/auth/refresh", headers={"Cookie": f"{COOKIE}={token}"} | headers)


async def test_the_cookie_is_out_of_reach(api: httpx.AsyncClient, sign_in: SignIn) -> None:
    answer = await by_cookie(api, await verified(api, sign_in))
    flags = answer.headers["set-cookie"].lower()
    for flag in ("httponly", "samesite=strict", "path=/v1/auth", "max-age=604800"):
        assert flag in flags
    assert "domain" not in flags
    assert answer.json()["refresh_token"] is None


async def test_in_production_the_cookie_is_secure(
    settings: Settings, database: Database, keyring: Keyring, ask: Any
) -> None:
    token = await ask("a@x.io")
    produced = {name: getattr(settings, name) for name in settings.__struct_fields__} | {"env": "production"}
    edge = application.build(Settings(**produced), database, keyring)
    async with client(edge) as api:
        cookie = (await api.post("/v1/auth/verify", json={"token": token})).headers["set-cookie"]
    assert cookie.startswith("__Secure-noonmark_refresh=")
    assert "; Secure" in cookie


async def test_our_own_page_refreshes_by_cookie(api: httpx.AsyncClient, sign_in: SignIn) -> None:
    token = await verified(api, sign_in)
    answer = await by_cookie(api, token, **{"Sec-Fetch-Site": "same-origin", "Origin": ORIGIN})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
    ],
)
async def test_another_site_cannot_use_the_cookie(
    api: httpx.AsyncClient, sign_in: SignIn, headers: dict[str, str]
) -> None:
    token = await verified(api, sign_in)
    assert (await by_cookie(api, token, **headers)).status_code == 401
    assert (await by_cookie(api, token)).status_code == 200


async def test_a_form_cannot_refresh(api: httpx.AsyncClient, sign_in: SignIn) -> None:
    token = await verified(api, sign_in)
    cookie = {"Cookie": f"{COOKIE}={token}"}
    answer = await api.post("/v1/auth/refresh", data={"a": "b"}, headers=cookie)
    assert answer.status_code == 415


async def test_logout_takes_the_cookie_back(api: httpx.AsyncClient, sign_in: SignIn) -> None:
    answer = await api.post("/v1/auth/logout", headers=bearer(await sign_in("a@x.io")))
    assert "max-age=0" in answer.headers["set-cookie"].lower()


async def test_nothing_to_refresh_is_unauthenticated(api: httpx.AsyncClient) -> None:
    assert (await api.post("/v1/auth/refresh")).status_code == 401
    assert (await api.post("/v1/auth/refresh", json={})).status_code == 401


async def test_what_is_dead_is_swept_and_what_lives_stays(
    edge: Edge, api: httpx.AsyncClient, sign_in: SignIn, database: Database
) -> None:
    dead = await sign_in("dead@x.io")
    async with database.raw() as connection:
        for table in ("magic_links", "refresh_tokens", "sessions"):
            await connection.execute(f"UPDATE {table} SET expires_at = now() - interval '3 days'")
        await connection.execute("UPDATE windows SET started_at = started_at - interval '3 days'")
        await connection.execute("UPDATE mails SET created_at = now() - interval '8 days'")
    alive = await sign_in("alive@x.io")
    assert await Upkeep(database).purge() == 6
    assert await Upkeep(database).purge() == 0
    assert (await api.get("/v1/me", headers=bearer(alive))).status_code == 200
    assert (await api.get("/v1/me", headers=bearer(dead))).status_code == 401
