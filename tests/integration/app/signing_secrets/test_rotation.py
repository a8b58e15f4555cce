"""POST /v1/signing-secrets/rotate."""

import asyncio
from datetime import datetime
from typing import Any

import httpx
import pytest

from core import signing
from core.db import Database
from core.tenants.store import signing_secrets
from tests.integration.app.conftest import SignIn, bearer
from tests.integration.app.credentials import carrying, make_token


@pytest.fixture
async def auth(sign_in: SignIn) -> dict[str, str]:
    return bearer(await sign_in("me@example.com"))


async def rotate(api: httpx.AsyncClient, auth: dict[str, str], **given: Any) -> list[dict[str, Any]]:
    answer = await api.post("/v1/signing-secrets/rotate", json=given or None, headers=auth)
    assert answer.status_code == 201, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_a_new_secret_signs_first_and_the_old_one_for_a_day(
    api: httpx.AsyncClient, auth: dict[str, str]
) -> None:
    [old] = (await api.get("/v1/signing-secrets", headers=auth)).json()["items"]
    new, kept = await rotate(api, auth)
    assert signing.key(new["secret"])
    assert (new["expires_at"], kept["secret"]) == (None, old["secret"])
    left = datetime.fromisoformat(kept["expires_at"]) - datetime.fromisoformat(new["created_at"])
    assert round(left.total_seconds()) == 86_400
    assert (await api.get("/v1/signing-secrets", headers=auth)).json()["items"] == [new, kept]


async def test_schedulers_sign_with_both_the_new_one_first(
    api: httpx.AsyncClient, auth: dict[str, str], database: Database
) -> None:
    tenant = (await api.get("/v1/me", headers=auth)).json()["tenant"]["id"]
    async with database.raw() as db:
        [before] = (await signing_secrets(db, [tenant])).values()
        await rotate(api, auth)
        [after] = (await signing_secrets(db, [tenant])).values()
    assert len(after) == 2
    assert after[1:] == before


async def test_without_overlap_the_old_ones_stop_at_once(
    api: httpx.AsyncClient, auth: dict[str, str]
) -> None:
    await rotate(api, auth)
    [only] = await rotate(api, auth, overlap_seconds=0)
    assert only["expires_at"] is None


async def test_a_second_rotation_prolongs_nothing(api: httpx.AsyncClient, auth: dict[str, str]) -> None:
    [_, oldest] = await rotate(api, auth, overlap_seconds=60)
    items = await rotate(api, auth, overlap_seconds=3600)
    assert items[2] == oldest
    assert [one["expires_at"] is None for one in items] == [True, False, False]


async def test_rotations_at_once_leave_one_that_does_not_expire(
    api: httpx.AsyncClient, auth: dict[str, str]
) -> None:
    await asyncio.gather(*(rotate(api, auth, overlap_seconds=600) for _ in range(4)))
    items = (await api.get("/v1/signing-secrets", headers=auth)).json()["items"]
    assert [one["expires_at"] for one in items].count(None) == 1
    assert items[0]["expires_at"] is None


async def test_calls_do_not_gather_signatures_without_end(
    api: httpx.AsyncClient, auth: dict[str, str]
) -> None:
    for _ in range(7):
        await rotate(api, auth)
    refused = await api.post("/v1/signing-secrets/rotate", headers=auth)
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_secrets")
    assert len(await rotate(api, auth, overlap_seconds=0)) == 1


@pytest.mark.parametrize("overlap", [-1, 30 * 86_400 + 1, 1.5, "1", None])
async def test_an_overlap_is_a_number_of_seconds_within_bounds(
    api: httpx.AsyncClient, auth: dict[str, str], overlap: object
) -> None:
    body = {"overlap_seconds": overlap}
    answer = await api.post("/v1/signing-secrets/rotate", json=body, headers=auth)
    assert answer.status_code == 422
    assert len((await api.get("/v1/signing-secrets", headers=auth)).json()["items"]) == 1


async def test_another_tenants_secrets_stay(
    api: httpx.AsyncClient, auth: dict[str, str], sign_in: SignIn
) -> None:
    other = bearer(await sign_in("somebody.else@example.com"))
    before = (await api.get("/v1/signing-secrets", headers=other)).json()
    await rotate(api, auth, overlap_seconds=0)
    assert (await api.get("/v1/signing-secrets", headers=other)).json() == before


async def test_rotation_takes_the_admin_scope(api: httpx.AsyncClient, auth: dict[str, str]) -> None:
    narrow = carrying(await make_token(api, auth, ["jobs:read", "jobs:write"]))
    assert (await api.post("/v1/signing-secrets/rotate", headers=narrow)).status_code == 403


async def test_a_rotation_is_told_in_the_audit(api: httpx.AsyncClient, auth: dict[str, str]) -> None:
    new, _ = await rotate(api, auth, overlap_seconds=60)
    [entry] = (await api.get("/v1/audit", headers=auth)).json()["items"]
    assert (entry["action"], entry["subject"]) == ("signing_secrets.rotated", new["id"])
    assert entry["detail"] == {"overlap_seconds": 60}
