"""GET /v1/signing-secrets."""

from uuid import uuid4

import httpx

from core import signing
from core.db import Database
from core.sealing import Keyring
from core.tenants.store import signing_context
from tests.integration.app.conftest import SignIn, bearer


async def test_a_tenant_reads_the_secrets_that_sign_now_newest_first(
    api: httpx.AsyncClient, sign_in: SignIn, database: Database, keyring: Keyring
) -> None:
    grant = await sign_in("me@example.com")
    tenant = grant["tenant"]["id"]
    newer = signing.new_secret()
    sealed = keyring.seal(newer.encode(), context=signing_context(tenant))
    async with database.raw() as db:
        await db.execute("UPDATE signing_secrets SET expires_at = now() + interval '1 hour'")
        add = """INSERT INTO signing_secrets (id, tenant_id, sealed, created_at, expires_at)
                 VALUES ($1, $2, $3, now() + $4::int * interval '1 s', now() + $5::int * interval '1 s')"""
        await db.execute(add, uuid4(), tenant, sealed, 1, None)
        await db.execute(add, uuid4(), tenant, sealed, 2, 0)
        await db.execute(add, uuid4(), uuid4(), sealed, 3, None)
    answer = await api.get("/v1/signing-secrets", headers=bearer(grant))
    assert answer.status_code == 200
    first, second = answer.json()["items"]
    assert (first["secret"], first["expires_at"]) == (newer, None)
    assert signing.key(second["secret"])
    assert second["expires_at"] is not None
    assert answer.json()["next_cursor"] is None
    assert answer.headers["cache-control"] == "no-store"


async def test_another_tenant_has_another_secret(api: httpx.AsyncClient, sign_in: SignIn) -> None:
    found = [
        (await api.get("/v1/signing-secrets", headers=bearer(await sign_in(email)))).json()["items"]
        for email in ("me@example.com", "somebody.else@example.com")
    ]
    assert found[0][0]["secret"] != found[1][0]["secret"]


async def test_nobody_reads_secrets_without_a_credential(api: httpx.AsyncClient) -> None:
    assert (await api.get("/v1/signing-secrets")).status_code == 401
