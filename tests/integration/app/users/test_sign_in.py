"""Magic links: asked for by anybody, answered alike, good once."""

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest

from app import application
from app.edge import Edge
from app.users.store import Limits
from core import signing
from core.db import Database
from core.sealing import Keyring
from core.settings import Settings
from core.tenants.store import signing_context, signing_secrets
from tests.integration.app.conftest import ORIGIN, SignIn, bearer, client

Ask = Callable[[str], Awaitable[str]]


async def count(database: Database, table: str) -> int:
    async with database.raw() as connection:
        return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))


async def ask_once(api: httpx.AsyncClient, email: str, **headers: str) -> httpx.Response:
    return await api.post("/v1/auth/magic-link", json={"email": email}, headers=headers)


async def test_known_and_unknown_addresses_get_the_same_answer(
    api: httpx.AsyncClient, sign_in: SignIn
) -> None:
    await sign_in("known@x.io")
    known, unknown = await ask_once(api, "known@x.io"), await ask_once(api, "unknown@x.io")
    assert known.status_code == unknown.status_code == 202
    assert known.content == unknown.content == b'{"status":"sent"}'
    assert known.headers.keys() == unknown.headers.keys()


@pytest.mark.parametrize(
    "email", ["", "a", "a@b", "a@x.io\r\nBcc: b@x.io", "a@x.io,b@x.io", '"a"@x.io', "A <a@x.io>"]
)
async def test_what_is_no_address_is_a_fault_of_it(
    api: httpx.AsyncClient, database: Database, email: str
) -> None:
    answer = await ask_once(api, email)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/email"
    assert await count(database, "mails") == 0


@pytest.mark.parametrize("email", [7, None, True, ["a@x.io"], {"to": "a@x.io"}])
async def test_an_address_is_one_string(api: httpx.AsyncClient, email: Any) -> None:
    assert (await api.post("/v1/auth/magic-link", json={"email": email})).status_code == 422


async def test_the_link_leads_to_our_own_page_whatever_the_request_says(
    api: httpx.AsyncClient, database: Database, ask: Ask
) -> None:
    answer = await ask_once(api, "a@x.io", Host="evil.example", **{"X-Forwarded-Host": "evil.example"})
    assert answer.status_code == 202
    (mail,) = (await api.get("/dev/outbox", params={"to": "a@x.io"})).json()["items"]
    assert mail["link"].startswith(f"{ORIGIN}/sign-in#token=")
    assert "evil" not in mail["text"] + mail["html"]


async def test_a_token_signs_in_once(api: httpx.AsyncClient, ask: Ask) -> None:
    token = await ask("a@x.io")
    first, second = [await api.post("/v1/auth/verify", json={"token": token}) for _ in range(2)]
    assert (first.status_code, second.status_code) == (200, 401)


async def test_of_fifty_at_once_one_signs_in(api: httpx.AsyncClient, ask: Ask, database: Database) -> None:
    token = await ask("a@x.io")
    answers = await asyncio.gather(*(api.post("/v1/auth/verify", json={"token": token}) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 49
    assert await count(database, "sessions") == 1


async def test_a_link_dies_after_15_minutes_by_the_databases_clock(
    api: httpx.AsyncClient, ask: Ask, database: Database
) -> None:
    token = await ask("a@x.io")
    async with database.raw() as connection:
        lifetime = await connection.fetchval("SELECT expires_at - created_at FROM magic_links")
        await connection.execute("UPDATE magic_links SET expires_at = now() - interval '1 second'")
    assert lifetime.total_seconds() == 900
    assert (await api.post("/v1/auth/verify", json={"token": token})).status_code == 401


@pytest.mark.parametrize("token", ["x", "x" * 43, "../..", "' OR 1=1 --", "é", "\U0001f600", "a" * 512])
async def test_a_token_that_was_never_made_is_refused(api: httpx.AsyncClient, token: str) -> None:
    assert (await api.post("/v1/auth/verify", json={"token": token})).status_code == 401


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_looking_at_a_link_never_spends_it(api: httpx.AsyncClient, ask: Ask, method: str) -> None:
    token = await ask("a@x.io")
    for path in ("/sign-in", f"/sign-in?token={token}", f"/v1/auth/verify?token={token}"):
        await api.request(method, path, headers={"Purpose": "prefetch", "User-Agent": "SafeLinks"})
    assert (await api.post("/v1/auth/verify", json={"token": token})).status_code == 200


async def test_the_database_cannot_sign_in(api: httpx.AsyncClient, ask: Ask, database: Database) -> None:
    token = await ask("a@x.io")
    async with database.raw() as connection:
        kept = await connection.fetch("SELECT token_hash, m.sealed FROM magic_links, mails m")
    assert kept[0]["token_hash"] == hashlib.sha256(token.encode()).digest()
    assert token.encode() not in kept[0]["sealed"]
    as_text = kept[0]["token_hash"].hex()
    assert (await api.post("/v1/auth/verify", json={"token": as_text})).status_code == 401


async def test_the_sixth_link_for_one_address_is_not_sent_and_nobody_can_tell(
    api: httpx.AsyncClient, database: Database
) -> None:
    answers = [await ask_once(api, spelling) for spelling in ["a@x.io", "A@X.io"] * 4]
    assert {(answer.status_code, answer.content) for answer in answers} == {(202, b'{"status":"sent"}')}
    assert await count(database, "mails") == await count(database, "magic_links") == 5


async def test_fifty_at_once_are_limited_as_one_after_another(
    api: httpx.AsyncClient, database: Database
) -> None:
    await asyncio.gather(*(ask_once(api, "a@x.io") for _ in range(50)))
    assert await count(database, "mails") == 5


async def test_limits_hold_across_processes(
    settings: Settings, database: Database, second: Database, keyring: Keyring, api: httpx.AsyncClient
) -> None:
    async with client(application.build(settings, second, keyring)) as other:
        await asyncio.gather(*(ask_once(one, "a@x.io") for one in [api, other] * 10))
    assert await count(database, "mails") == 5


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch, settings: Settings, database: Database, keyring: Keyring) -> Edge:
    """An application where a caller may ask three times."""
    monkeypatch.setattr(application, "_DEVELOPMENT_LIMITS", Limits(caller=3, address=5))
    return application.build(settings, database, keyring)


async def test_a_caller_is_limited_over_all_addresses(narrow: Edge, database: Database) -> None:
    async with client(narrow, "192.0.2.1") as one, client(narrow, "192.0.2.2") as other:
        for number in range(6):
            assert (await ask_once(one, f"a{number}@x.io")).status_code == 202
        assert await count(database, "mails") == 3
        await ask_once(other, "b@x.io")
    assert await count(database, "mails") == 4


async def test_a_limited_caller_cannot_lock_an_address_out(narrow: Edge, database: Database) -> None:
    async with client(narrow, "192.0.2.1") as hostile, client(narrow, "192.0.2.2") as owner:
        for _ in range(20):
            await ask_once(hostile, "victim@x.io")
        before = await count(database, "mails")
        await ask_once(owner, "victim@x.io")
    assert await count(database, "mails") == before + 1


async def test_writing_forwarding_headers_escapes_no_limit(narrow: Edge, database: Database) -> None:
    async with client(narrow, "192.0.2.1") as one:
        for number in range(6):
            await ask_once(one, f"a{number}@x.io", **{"X-Forwarded-For": f"198.51.100.{number}"})
    assert await count(database, "mails") == 3


async def test_addresses_of_one_ipv6_customer_share_a_limit(narrow: Edge, database: Database) -> None:
    for number in range(6):
        async with client(narrow, f"2001:db8:1:2200::{number}") as one:
            await ask_once(one, f"a{number}@x.io")
    assert await count(database, "mails") == 3


async def test_a_first_sign_in_makes_a_tenant_with_a_queue_and_a_secret(
    sign_in: SignIn, database: Database, keyring: Keyring
) -> None:
    grant = await sign_in("a@x.io")
    tenant = UUID(grant["tenant"]["id"])
    async with database.raw() as connection:
        names = await connection.fetch("SELECT name FROM queues WHERE tenant_id = $1", tenant)
        sealed = (await signing_secrets(connection, [tenant]))[tenant]
    assert [row["name"] for row in names] == ["default"]
    (secret,) = [keyring.open(one, context=signing_context(tenant)).decode() for one in sealed]
    assert len(signing.key(secret)) == 32


async def test_a_second_sign_in_finds_the_same_user(sign_in: SignIn, database: Database) -> None:
    first, second = await sign_in("a@x.io"), await sign_in("A@X.IO")
    assert (first["user"], first["tenant"]) == (second["user"], second["tenant"])
    assert await count(database, "tenants") == await count(database, "signing_secrets") == 1


async def test_parallel_first_sign_ins_make_one_user(
    api: httpx.AsyncClient, database: Database, ask: Ask
) -> None:
    links = [await ask("a@x.io") for _ in range(5)]
    answers = await asyncio.gather(*(api.post("/v1/auth/verify", json={"token": link}) for link in links))
    assert [answer.status_code for answer in answers] == [200] * 5
    assert len({answer.json()["tenant"]["id"] for answer in answers}) == 1
    for table in ("users", "tenants", "queues", "signing_secrets"):
        assert await count(database, table) == 1


async def test_a_failed_first_sign_in_leaves_nothing_and_spends_nothing(
    api: httpx.AsyncClient, database: Database, ask: Ask
) -> None:
    token = await ask("a@x.io")
    async with database.raw() as connection:
        await connection.execute("ALTER TABLE signing_secrets RENAME TO elsewhere")
    assert (await api.post("/v1/auth/verify", json={"token": token})).status_code == 500
    assert await count(database, "users") == await count(database, "tenants") == 0
    async with database.raw() as connection:
        await connection.execute("ALTER TABLE elsewhere RENAME TO signing_secrets")
    assert (await api.post("/v1/auth/verify", json={"token": token})).status_code == 200


async def test_the_answer_has_the_agreed_shape(sign_in: SignIn) -> None:
    grant = await sign_in("a@x.io")
    assert grant.keys() == {"access_token", "token_type", "expires_in", "refresh_token", "user", "tenant"}
    assert (grant["token_type"], grant["expires_in"]) == ("Bearer", 600)
    assert grant["user"].keys() == {"id", "email", "created_at"}
    assert grant["tenant"].keys() == {"id", "name", "created_at"}
    payload = grant["access_token"].split(".")[1]
    claims = msgspec.json.decode(base64.urlsafe_b64decode(payload + "=="))
    assert claims["exp"] - claims["iat"] == 600


async def test_tenants_do_not_meet(api: httpx.AsyncClient, sign_in: SignIn) -> None:
    first, second = await sign_in("a@x.io"), await sign_in("b@x.io")
    assert first["tenant"]["id"] != second["tenant"]["id"]
    assert (await api.get("/v1/me", headers=bearer(second))).json()["user"]["email"] == "b@x.io"


@pytest.mark.parametrize("path", ["/", "/sign-in"])
async def test_pages_load_nothing_from_elsewhere_and_run_nothing_inline(
    api: httpx.AsyncClient, path: str
) -> None:
    page = await api.get(path)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["referrer-policy"] == "no-referrer"
    for forbidden in ("http://", "https://", " style=", " onclick", "<script>", "javascript:"):
        assert forbidden not in page.text


async def test_what_the_page_loads_is_there(api: httpx.AsyncClient) -> None:
    assert (await api.get("/pages/sign-in.js")).headers["content-type"].startswith("text/javascript")
    assert (await api.get("/pages/style.css")).headers["content-type"].startswith("text/css")
