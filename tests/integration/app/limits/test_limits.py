"""Limits of requests: exact, shared by every process, changed with the next request."""

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from app import application
from app.limits.gate import Gate
from app.limits.model import Allowance, Credential
from app.tokens import spelling
from core.db import Database
from core.sealing import Keyring
from core.settings import Settings
from tests.integration.app.conftest import SignIn, bearer, client
from tests.integration.app.credentials import carrying, make_token


@pytest.fixture
async def grant(sign_in: SignIn) -> dict[str, Any]:
    return await sign_in("me@example.com")


async def allow(api: httpx.AsyncClient, grant: dict[str, Any], **given: Any) -> None:
    answer = await api.patch(f"/v1/tenants/{grant['tenant']['id']}", json=given, headers=bearer(grant))
    assert answer.status_code == 200, answer.text


async def burst(headers: dict[str, str], *processes: httpx.AsyncClient, count: int) -> Counter[int]:
    """Statuses of that many requests at once, spread over the processes."""
    calls = [processes[number % len(processes)].get("/v1/me", headers=headers) for number in range(count)]
    return Counter(answer.status_code for answer in await asyncio.gather(*calls))


async def pass_by(database: Database, seconds: float) -> None:
    """Let time pass, for the buckets."""
    async with database.raw() as db:
        await db.execute(
            "UPDATE request_buckets SET spent_until = spent_until - $1::float8 * interval '1 second'", seconds
        )


async def test_a_burst_passes_and_the_rest_is_refused(
    api: httpx.AsyncClient, grant: dict[str, Any], database: Database
) -> None:
    await allow(api, grant, request_rate=0.5, request_burst=5)
    assert await burst(bearer(grant), api, count=20) == {200: 5, 429: 15}
    await pass_by(database, 10)
    assert await burst(bearer(grant), api, count=20) == {200: 5, 429: 15}


@pytest.mark.parametrize("rate", [0.003, 0.007, 0.0013])
async def test_odd_rates_lose_nothing(
    api: httpx.AsyncClient, grant: dict[str, Any], database: Database, rate: float
) -> None:
    await allow(api, grant, request_rate=rate, request_burst=11)
    for _ in range(2):
        assert [await burst(bearer(grant), api, count=1) for _ in range(11)] == [{200: 1}] * 11
        assert await burst(bearer(grant), api, count=1) == {429: 1}
        await pass_by(database, 11 / rate)


async def test_two_processes_share_one_bucket(
    api: httpx.AsyncClient, grant: dict[str, Any], settings: Settings, keyring: Keyring, second: Database
) -> None:
    await allow(api, grant, request_rate=0.1, request_burst=30)
    async with client(application.build(settings, second, keyring)) as other:
        assert await burst(bearer(grant), api, other, count=80) == {200: 30, 429: 50}


async def test_processes_that_take_slices_admit_no_more_than_the_bucket_has(
    database: Database, second: Database, sign_in: SignIn, api: httpx.AsyncClient
) -> None:
    token = await make_token(api, bearer(await sign_in("slices@example.com")))
    credential = Credential(token_hash=spelling.hashed(token["token"]))
    started = asyncio.get_running_loop().time()
    async with database.raw() as db:
        await db.execute("UPDATE tenants SET request_rate = 2000, request_burst = 1000")
        await db.execute("UPDATE request_buckets SET spent_until = now() + interval '0.3 seconds'")
    gates = [Gate(database), Gate(second)]
    answers = await asyncio.gather(*(gates[number % 2].admit(credential) for number in range(2500)))
    took = asyncio.get_running_loop().time() - started
    admitted = sum(1 for one in answers if one is not None and one.budget and not one.budget.retry_after)
    assert 400 - 2 * 20 <= admitted <= 400 + 2000 * took + 1


async def test_another_tenant_is_not_affected(
    api: httpx.AsyncClient, grant: dict[str, Any], sign_in: SignIn
) -> None:
    other = await sign_in("somebody.else@example.com")
    await allow(api, grant, request_rate=0.1, request_burst=1)
    assert await burst(bearer(grant), api, count=3) == {200: 1, 429: 2}
    assert await burst(bearer(other), api, count=20) == {200: 20}


async def test_all_credentials_of_a_tenant_share_its_limit(
    api: httpx.AsyncClient, grant: dict[str, Any]
) -> None:
    token = carrying(await make_token(api, bearer(grant)))
    await allow(api, grant, request_rate=0.1, request_burst=2)
    assert await burst(bearer(grant), api, count=1) == {200: 1}
    assert await burst(token, api, count=2) == {200: 1, 429: 1}


async def test_a_rate_of_zero_is_no_limit(api: httpx.AsyncClient, grant: dict[str, Any]) -> None:
    await allow(api, grant, request_rate=0, request_burst=1)
    assert await burst(bearer(grant), api, count=50) == {200: 50}
    assert "x-ratelimit-limit" not in (await api.get("/v1/me", headers=bearer(grant))).headers


async def test_a_change_holds_with_the_next_request_on_every_process(
    api: httpx.AsyncClient, grant: dict[str, Any], settings: Settings, keyring: Keyring, database: Database
) -> None:
    async with client(application.build(settings, database, keyring)) as other:
        token = carrying(await make_token(api, bearer(grant)))
        assert await burst(token, other, count=3) == {200: 3}
        await allow(api, grant, request_rate=0.001, request_burst=1)
        assert await burst(token, other, count=3) == {200: 1, 429: 2}
        async with database.raw() as db:
            await db.execute("DELETE FROM request_buckets")
        await allow(api, grant, request_rate=None, request_burst=None)
        assert await burst(token, other, api, count=100) == {200: 100}


async def test_a_refusal_is_a_problem_that_says_when_to_come_back(
    api: httpx.AsyncClient, grant: dict[str, Any]
) -> None:
    await allow(api, grant, request_rate=0.1, request_burst=1)
    await burst(bearer(grant), api, count=1)
    answer = await api.get("/v1/me", headers=bearer(grant))
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert answer.headers["content-type"] == "application/problem+json"
    assert 9 <= int(answer.headers["retry-after"]) <= 10
    assert (answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-remaining"]) == ("1", "0")


async def test_every_answer_with_a_credential_says_what_is_left(
    api: httpx.AsyncClient, grant: dict[str, Any]
) -> None:
    await allow(api, grant, request_rate=0.01, request_burst=10)
    paths = ("/v1/me", "/v1/jobs/no-such-thing", "/v1/signing-secrets", "/v1/dlq?limit=0")
    left = []
    for path in paths:
        answer = await api.get(path, headers=bearer(grant))
        left.append(answer.headers.get("x-ratelimit-remaining"))
    assert left == ["9", None, "8", "7"]
    assert answer.status_code == 422
    assert int(answer.headers["x-ratelimit-reset"]) == 300


async def test_a_credential_that_is_not_valid_takes_nothing(
    api: httpx.AsyncClient, grant: dict[str, Any], database: Database
) -> None:
    token = await make_token(api, bearer(grant))
    await allow(api, grant, request_rate=0.01, request_burst=3)
    await api.delete(f"/v1/tokens/{token['id']}", headers=bearer(grant))
    assert await burst(carrying(token), api, count=9) == {401: 9}
    assert await burst(bearer(grant), api, count=3) == {200: 2, 429: 1}


async def test_requests_that_come_together_are_resolved_together(
    database: Database, api: httpx.AsyncClient, grant: dict[str, Any]
) -> None:
    gate = Gate(database)
    token = await make_token(api, bearer(grant))
    known, unknown = Credential(token_hash=spelling.hashed(token["token"])), Credential(token_hash=b"no")
    answers = await asyncio.gather(*(gate.admit(one) for one in (known, unknown) * 300))
    assert [one is not None for one in answers] == [True, False] * 300
    owners = {one.owner for one in answers if one is not None}
    assert {str(owner.token_id) for owner in owners} == {token["id"]}


async def test_an_outage_is_told_to_everyone_at_the_gate(settings: Settings) -> None:
    nowhere = settings.database_url.replace("/test_", "/nowhere_")
    gone = Database(nowhere, name="gone", pooled=settings.pooled)
    gate = Gate(gone, Allowance(rate=1.0, burst=1))
    answers = await asyncio.gather(
        *(gate.admit(Credential(token_hash=b"x")) for _ in range(5)), return_exceptions=True
    )
    await gone.close()
    assert all(isinstance(answer, Exception) for answer in answers)


async def test_whoever_leaves_the_gate_takes_nobody_along(
    database: Database, api: httpx.AsyncClient, grant: dict[str, Any]
) -> None:
    gate = Gate(database)
    token = await make_token(api, bearer(grant))
    credential = Credential(token_hash=spelling.hashed(token["token"]))
    leaving, staying = (asyncio.ensure_future(gate.admit(credential)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying is not None
