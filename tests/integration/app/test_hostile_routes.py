"""Every operation that takes a body is given bodies that mean harm: each a 4xx that says why, nothing stored.

The bodies are made from the example of each operation in the OpenAPI document, so that a new route is walked
without being written here.
"""

import re
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest
from jsonschema import Draft202012Validator

from app import application
from app.edge import Edge
from core import callbacks
from core.callbacks import Pass
from core.db import Database
from core.sealing import Keyring
from core.settings import Settings
from core.tables import metadata
from tests.integration.app.conftest import SignIn, bearer
from tests.integration.app.credentials import carrying, holder, make_token

SECRET = "the-operators-secret-of-all-these-tests"
NOBODY = "00000000-0000-7000-8000-000000000000"
JSON = "application/json"
_ATTEMPT = "Test-Attempt"
"""Where a caller keeps the credential of an attempt; no route knows the header."""

DOCUMENT: dict[str, Any] = msgspec.json.decode(application.describe())
TAKING = {
    f"{method.upper()} {path}": operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
    if JSON in operation.get("requestBody", {}).get("content", {})
}
PROBLEM = Draft202012Validator({"$ref": "#/components/schemas/Problem", "components": DOCUMENT["components"]})

DEEP = b"[" * 10_000 + b"]" * 10_000
DEEP_OBJECTS = b'{"a":' * 10_000 + b"1" + b"}" * 10_000
LARGE = b"1" + b"0" * 400
WHOLE = {
    "a lone bracket": b"{",
    "no JSON": b"\x00\x01\x02",
    "invalid UTF-8": b'{"\xff\xfe":1}',
    "another encoding": '{"name":"é"}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a lone surrogate": b'{"a":"\\ud800"}',
    "an encoded surrogate": b'{"a":"\xed\xa0\x80"}',
    "NUL in a name": b'{"\\u0000":1}',
    "a raw NUL": b'{"a":"\x00"}',
    "10,000 lists": DEEP,
    "10,000 objects": DEEP_OBJECTS,
    "10,000 open lists": b"[" * 10_000,
    "a list": b"[]",
    "a list of objects": b"[{}]",
    "a number": b"1",
    "a string": b'"x"',
    "true": b"true",
    "1e400": b"1e400",
    "10 to the 400th": LARGE,
    "NaN": b"NaN",
    "two values": b"{} {}",
    "a comment": b"{/**/}",
    "a name of nobody's": b'{"\\u202e":1}',
    "a name twice": b'{"a":1,"a":1}',
}
"""Whole bodies, hostile to any operation."""

VALUES = {
    "invalid UTF-8": b'"\xff"',
    "a lone surrogate": b'"\\udfff"',
    "NUL": b'"\\u0000"',
    "10,000 lists": DEEP,
    "10,000 objects": DEEP_OBJECTS,
    "10 to the 400th": LARGE,
    "beyond 64 bits": b"18446744073709551616",
    "-Infinity": b"-Infinity",
    "a control character": b'"\n"',
}
"""Hostile wherever a value may stand, the body of a job's target included."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, admin_secret=SECRET)


@pytest.fixture
async def caller(edge: Edge, api: httpx.AsyncClient, sign_in: SignIn, keyring: Keyring) -> httpx.AsyncClient:
    """By an API token of all scopes, which no route can end without naming it, and without a limit."""
    grant = await sign_in("me@example.com")
    made = await make_token(api, bearer(grant))
    tenant = f"/v1/tenants/{grant['tenant']['id']}"
    unlimited = await api.patch(tenant, json={"request_rate": 0}, headers=carrying(made))
    assert unlimited.status_code == 200
    everybody = holder(edge, carrying(made))
    speaking = Pass(job_id=UUID(NOBODY), attempt=1, lease_token=uuid4())
    everybody.headers[_ATTEMPT] = callbacks.issue(keyring, speaking, expires_at=time.time() + 600)
    return everybody


async def send(
    caller: httpx.AsyncClient, name: str, raw: bytes, content_type: str | None = JSON
) -> httpx.Response:
    method, path = name.split(" ")
    headers = {"Content-Type": content_type} if content_type is not None else {}
    if {"operator": []} in TAKING[name]["security"]:
        headers["Authorization"] = f"Bearer {SECRET}"
    if {"attempt": []} in TAKING[name]["security"]:
        headers["Authorization"] = f"Bearer {caller.headers[_ATTEMPT]}"
    return await caller.request(method, re.sub(r"\{[^}]*\}", NOBODY, path), content=raw, headers=headers)


def check(answer: httpx.Response, name: str, what: str) -> None:
    """It is refused for what the body is, as documented, before anybody looked for the thing itself."""
    place = (name, what, answer.status_code, answer.text[:300])
    assert answer.status_code in (400, 413, 415, 422), place
    assert answer.headers["content-type"] == "application/problem+json", place
    PROBLEM.validate(answer.json())
    documented = TAKING[name]["responses"][str(answer.status_code)]
    shown = documented["content"]["application/problem+json"]["examples"]
    assert answer.json()["code"] in shown, place


def example(name: str) -> Any:
    return TAKING[name]["requestBody"]["content"][JSON]["example"]


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every member, inner ones first."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from leaves(inner, (*path, key))
        yield (*path, key)


def replaced(value: Any, path: tuple[Any, ...], raw: bytes) -> bytes:
    """The body with these bytes in the place of one member."""
    copy = msgspec.json.decode(msgspec.json.encode(value))
    inner = copy
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = "@@"
    return msgspec.json.encode(copy).replace(b'"@@"', raw)


async def stored(database: Database) -> dict[str, list[str]]:
    """All rows of all tables, but for what counts requests."""
    columns = {"api_tokens": "id", "request_buckets": "tenant_id", "windows": "key"}
    async with database.raw() as db:
        return {
            table.name: [
                row[0]
                for row in await db.fetch(
                    f"SELECT {columns.get(table.name, 't')}::text FROM {table.name} t ORDER BY 1"
                )
            ]
            for table in metadata.sorted_tables
            if table.name != "windows"
        }


@pytest.fixture
async def unchanged(database: Database, caller: httpx.AsyncClient) -> AsyncIterator[None]:
    """Whatever the test sends, nothing of it is stored."""
    before = await stored(database)
    yield
    assert await stored(database) == before


async def test_the_examples_that_the_others_are_made_from_are_taken(caller: httpx.AsyncClient) -> None:
    for name in TAKING:
        answer = await send(caller, name, msgspec.json.encode(example(name)))
        assert answer.status_code not in (400, 415, 422), (name, answer.text)


@pytest.mark.usefixtures("unchanged")
async def test_a_body_that_means_harm_is_refused(caller: httpx.AsyncClient) -> None:
    for name in TAKING:
        for what, raw in WHOLE.items():
            check(await send(caller, name, raw), name, what)


@pytest.mark.usefixtures("unchanged")
async def test_a_value_that_means_harm_is_refused_wherever_it_stands(caller: httpx.AsyncClient) -> None:
    for name in TAKING:
        for path in leaves(example(name)):
            for what, raw in VALUES.items():
                answer = await send(caller, name, replaced(example(name), path, raw))
                check(answer, name, f"{what} at {path}")


@pytest.mark.usefixtures("unchanged")
async def test_a_body_that_is_torn_off_is_refused(caller: httpx.AsyncClient) -> None:
    for name in TAKING:
        raw = msgspec.json.encode(example(name))
        for length in {1, 2, *range(5, len(raw), max(1, len(raw) // 20)), len(raw) - 1}:
            check(await send(caller, name, raw[:length]), name, f"{length} bytes")


@pytest.mark.usefixtures("unchanged")
async def test_another_media_type_is_refused(caller: httpx.AsyncClient) -> None:
    for name in TAKING:
        for media_type in ("text/plain", "application/x-www-form-urlencoded", "application/xml", "", None):
            answer = await send(caller, name, msgspec.json.encode(example(name)), media_type)
            check(answer, name, str(media_type))
            assert answer.status_code == 415, (name, media_type)


@pytest.mark.usefixtures("unchanged")
async def test_no_body_is_refused_where_one_is_needed(caller: httpx.AsyncClient) -> None:
    for name in [name for name in TAKING if TAKING[name]["requestBody"]["required"]]:
        for raw in (b"", b"null", b" "):
            check(await send(caller, name, raw), name, repr(raw))


@pytest.mark.usefixtures("unchanged")
async def test_a_name_that_stands_twice_hides_nothing(caller: httpx.AsyncClient) -> None:
    for name in TAKING:
        for member, value in example(name).items():
            if member == "params":  # Whatever stands there is a good value.
                continue
            named, good = msgspec.json.encode(member), msgspec.json.encode(value)
            for pair in ((good, b"[[]]"), (b"[[]]", good)):
                raw = b"{%b:%b,%b:%b}" % (named, pair[0], named, pair[1])
                check(await send(caller, name, raw), name, f"{member} twice")
