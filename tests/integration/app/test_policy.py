"""Every operation of the OpenAPI document is called by everybody who should not, and refused the same way.

The table of who may is `policy`; what is served is compared with it, and then tried.
"""

import re
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest

from app import application
from core.db import Database
from core.jobs.model import Outcome
from core.settings import Settings
from tests.integration.app.artifacts.uploading import keep
from tests.integration.app.conftest import SignIn, bearer
from tests.integration.app.credentials import ALL, carrying, make_token
from tests.integration.app.jobs.orders import claim, settle
from tests.integration.app.policy import ATTEMPT, OPERATOR, POLICY, PUBLIC, SIGNED, Policy
from tests.integration.app.videos.forms import CLIP

SECRET = "the-operators-secret-of-all-these-tests"
BASIC = "Basic dXNlcjpwYXNzd29yZA=="
MALFORMED = ("x", "0", "null", "..%2f", "%00", "a" * 300, "00000000-0000-0000-0000-00000000000g")

DOCUMENT: dict[str, Any] = msgspec.json.decode(application.describe())
SERVED = {
    f"{method.upper()} {path}": operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, admin_secret=SECRET)


@pytest.fixture
async def mine(sign_in: SignIn) -> dict[str, str]:
    return bearer(await sign_in("me@example.com"))


@pytest.fixture
async def foreign(api: httpx.AsyncClient, sign_in: SignIn, database: Database) -> dict[str, str]:
    """The ids of what another tenant has, by what they name."""
    grant = await sign_in("somebody.else@example.com")
    auth, body = bearer(grant), {"target": {"url": "https://example.com/"}}
    letter = (await api.post("/v1/jobs", json=body, headers=auth)).json()["id"]
    await settle(database, await claim(database), Outcome.FAILED)
    job = (await api.post("/v1/jobs", json=body, headers=auth)).json()["id"]
    await keep(api, job, auth, name=job)
    form = {"video": ("a.mp4", CLIP)}
    video = (await api.post("/v1/videos/encode", files=form, headers=auth)).json()["id"]
    token = (await make_token(api, auth))["id"]
    queue = (await api.post("/v1/queues", json={"name": "theirs"}, headers=auth)).json()["id"]
    template = {"key": "theirs", **body}
    definition = (await api.post("/v1/definitions", json=template, headers=auth)).json()["id"]
    return {
        "job": job,
        "letter": letter,
        "video": video,
        "token": token,
        "queue": queue,
        "definition": definition,
        "tenant": grant["tenant"]["id"],
    }


async def call(
    api: httpx.AsyncClient, operation: str, headers: dict[str, str], *, name: str | None = None
) -> httpx.Response:
    """Call an operation with an id in its path; one that never was, if none is given."""
    method, path = operation.split(" ")
    written = re.sub(r"\{[^}]*\}", name if name is not None else str(uuid4()), path)
    body = POLICY[operation].body
    return await api.request(method, written, json=body, headers={"X-Request-ID": "same"} | headers)


def private(*, naming: bool = False) -> list[str]:
    return [
        operation
        for operation, policy in POLICY.items()
        if policy.who not in (PUBLIC, OPERATOR, SIGNED, ATTEMPT) and (policy.names or not naming)
    ]


def code(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return str(answer.json()["code"])


def test_every_operation_has_a_policy_and_no_policy_lacks_its_operation() -> None:
    assert set(POLICY) == set(SERVED)


@pytest.mark.parametrize("operation", sorted(SERVED))
def test_an_operation_is_documented_as_its_policy_says(operation: str) -> None:
    policy = POLICY[operation]
    expected: dict[str, list[Any]] = {
        PUBLIC: [],
        OPERATOR: [{"operator": []}],
        SIGNED: [{"signature": []}],
        ATTEMPT: [{"attempt": []}],
    }
    security = expected.get(policy.who, [{"bearer": [policy.who]}])
    assert SERVED[operation]["security"] == security
    assert ("{" in operation) == (policy.names is not None)


async def test_nobody_gets_in_without_a_credential(api: httpx.AsyncClient) -> None:
    for operation in [name for name, policy in POLICY.items() if policy.who not in (PUBLIC, SIGNED)]:
        for headers in ({}, {"Authorization": BASIC}, {"Authorization": "Bearer x"}):
            answer = await call(api, operation, headers)
            assert (answer.status_code, code(answer)) == (401, "unauthenticated"), operation
            assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_nobody_gets_in_by_a_link_that_was_not_made(
    api: httpx.AsyncClient, mine: dict[str, str]
) -> None:
    for operation in [name for name, policy in POLICY.items() if policy.who == SIGNED]:
        method, path = operation.split(" ")
        written = re.sub(r"\{[^}]*\}", str(uuid4()), path)
        for query in ({"expires": "9999999999", "signature": "x"}, {"expires": "0", "signature": ""}):
            answer = await api.request(method, written, params=query, headers=mine)
            assert (answer.status_code, code(answer)) == (403, "link_invalid"), operation


async def test_public_operations_ask_for_no_credential(api: httpx.AsyncClient) -> None:
    for operation in [name for name, policy in POLICY.items() if policy.who == PUBLIC]:
        answer = await call(api, operation, {"Authorization": BASIC})
        assert answer.status_code != 403, operation
        assert answer.status_code < 300 or operation.startswith("POST /v1/auth/"), operation


async def test_each_scope_opens_its_operations_and_no_others(
    api: httpx.AsyncClient, mine: dict[str, str], database: Database
) -> None:
    tokens = {scope: carrying(await make_token(api, mine, [scope])) for scope in ALL}
    for operation in private():
        for scope, headers in tokens.items():
            answer = await call(api, operation, headers)
            if scope != POLICY[operation].who:
                assert (answer.status_code, code(answer)) == (403, "insufficient_scope"), (operation, scope)
            elif operation != "POST /v1/auth/logout":
                assert answer.status_code not in (401, 403), (operation, scope)


async def test_no_scope_opens_what_is_the_operators(api: httpx.AsyncClient, mine: dict[str, str]) -> None:
    everything = carrying(await make_token(api, mine))
    for operation in [name for name, policy in POLICY.items() if policy.who == OPERATOR]:
        for headers in (mine, everything):
            assert (await call(api, operation, headers)).status_code == 401


async def test_the_operators_secret_opens_no_tenant(api: httpx.AsyncClient) -> None:
    for operation in private():
        answer = await call(api, operation, {"Authorization": f"Bearer {SECRET}"})
        assert answer.status_code == 401, operation


async def test_what_is_another_tenants_is_as_unknown_as_what_never_was(
    api: httpx.AsyncClient, mine: dict[str, str], foreign: dict[str, str], database: Database
) -> None:
    before = await everything(database)
    for operation in private(naming=True):
        theirs = await call(api, operation, mine, name=foreign[POLICY[operation].names or ""])
        nobodys = await call(api, operation, mine)
        assert (theirs.status_code, code(theirs)) == (404, "not_found"), operation
        assert theirs.content == nobodys.content, operation
        assert headers_of(theirs) == headers_of(nobodys), operation
    assert await everything(database) == before


async def test_the_owner_is_not_told_that_it_does_not_exist(
    api: httpx.AsyncClient, sign_in: SignIn, foreign: dict[str, str]
) -> None:
    owner = bearer(await sign_in("somebody.else@example.com"))
    for operation in private(naming=True):
        # What is followed goes on as long as the job does: its owner reads it in `app/logs`.
        if operation.startswith("DELETE") or operation.endswith("/stream"):
            continue
        answer = await call(api, operation, owner, name=foreign[POLICY[operation].names or ""])
        assert answer.status_code != 404, operation


async def test_a_malformed_id_names_nothing(api: httpx.AsyncClient, mine: dict[str, str]) -> None:
    for operation in private(naming=True):
        for name in MALFORMED:
            answer = await call(api, operation, mine, name=name)
            assert (answer.status_code, code(answer)) == (404, "not_found"), (operation, name)


async def test_what_a_caller_claims_to_own_is_not_believed(
    api: httpx.AsyncClient, mine: dict[str, str], foreign: dict[str, str]
) -> None:
    claims = {"tenant_id": foreign["tenant"], "user_id": str(uuid4()), "scopes": ["admin"], "is_admin": True}
    for operation in private():
        policy: Policy = POLICY[operation]
        if not isinstance(policy.body, dict) or policy.names is not None:
            continue
        for name, value in claims.items():
            if name in policy.body:
                continue
            method, path = operation.split(" ")
            answer = await api.request(method, path, json=policy.body | {name: value}, headers=mine)
            assert answer.status_code == 422, (operation, name)


async def test_lists_hold_nothing_of_another_tenant(
    api: httpx.AsyncClient, mine: dict[str, str], foreign: dict[str, str]
) -> None:
    for operation in private():
        if not operation.startswith("GET") or "{" in operation:
            continue
        answer = await call(api, operation, mine)
        assert answer.status_code == 200, operation
        assert not any(name in answer.text for name in foreign.values()), operation


def headers_of(answer: httpx.Response) -> dict[str, str]:
    """Without those that tell how often one has asked."""
    return {name: value for name, value in answer.headers.items() if not name.startswith("x-ratelimit")}


async def everything(database: Database) -> list[str]:
    """What the other tenant has; `mine` has nothing that a refused call could make."""
    tables = (
        "jobs",
        "timers",
        "ready",
        "leases",
        "endings",
        "dead_letters",
        "api_tokens",
        "tenants",
        "queues",
        "artifacts",
        "artifact_usage",
    )
    async with database.raw() as db:
        return [
            str(await db.fetchval(f"SELECT array_agg(t::text ORDER BY t::text) FROM {table} t"))
            for table in tables
        ]
