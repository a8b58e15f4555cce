"""POST /v1/jobs and bodies that mean harm: always a 4xx that says why, never anything stored."""

from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.db import Database
from tests.integration.app.jobs.orders import URL, order
from tests.integration.app.jobs.test_create import count

_NESTED = b'{"target":{"url":"http://127.0.0.1/","body":%b}}'


async def post(api: httpx.AsyncClient, raw: bytes, **headers: str) -> httpx.Response:
    return await api.post("/v1/jobs", content=raw, headers={"Content-Type": "application/json"} | headers)


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"[" * 100_000, 400),
        (_NESTED % (b"[" * 70 + b"]" * 70), 400),
        (_NESTED % (b'{"a":' * 70 + b"1" + b"}" * 70), 400),
        (_NESTED % b'"\xff"', 400),
        (_NESTED % b'"\\ud800"', 400),
        (_NESTED % b'"\\u0000"', 422),
        (_NESTED % b'{"\\u0000":1}', 422),
        (_NESTED % b"9223372036854775808", 422),
        (_NESTED % b"NaN", 400),
        (_NESTED % b"01", 400),
        (b"null", 422),
        (b"[]", 422),
        (b"[null,null]", 422),
        (b'"x"', 422),
        (b'{"target":[]}', 422),
        (b'{"target":null,"labels":[],"retry":1,"success":{"status":{}}}', 422),
        (b'{"":1,"/":2,"~":3}', 422),
        (b'{"target":{"url":"http://127.0.0.1/","headers":[1]},"labels":{"a":{"b":1}}}', 422),
    ],
)
async def test_a_hostile_body_is_refused_and_nothing_is_stored(
    mine: httpx.AsyncClient, database: Database, raw: bytes, status: int
) -> None:
    for headers in ({}, {"Idempotency-Key": "k"}):
        answer = await post(mine, raw, **headers)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert [await count(database, table) for table in ("jobs", "events", "idempotency_keys")] == [0, 0, 0]


async def test_a_number_that_no_type_holds_is_carried_as_it_is_written(mine: httpx.AsyncClient) -> None:
    answer = await post(mine, _NESTED % b"[1e400,0.1000]")
    assert answer.status_code == 201
    assert b'"body":[1e400,0.1000]' in answer.content


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_only_json_is_taken_for_json(mine: httpx.AsyncClient, media_type: str) -> None:
    answer = await mine.post("/v1/jobs", content=b"{}", headers={"Content-Type": media_type})
    assert answer.status_code == 415


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_PLACES = [
    "target", "target.url", "target.method", "target.headers", "target.secret_headers", "target.type",
    "target.body", "target.body_text", "target.body_base64", "target.other", "fire_at", "delay_seconds",
    "queue", "priority", "timeout_seconds", "expires_at", "success", "success.status", "retry",
    "retry.max_attempts", "retry.base_seconds", "labels", "other",
]  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.sampled_from(_PLACES), _JSON), min_size=1, max_size=3))
async def test_whatever_stands_anywhere_is_taken_or_refused_and_never_breaks_anything(
    mine: httpx.AsyncClient, changes: list[tuple[str, Any]]
) -> None:
    body = order(url=URL, success={}, retry={})
    for place, value in changes:
        *parents, name = place.split(".")
        inner = body
        for parent in parents:
            if not isinstance(inner.get(parent), dict):
                inner[parent] = {}
            inner = inner[parent]
        inner[name] = value
    try:
        raw = msgspec.json.encode(body)
    except (OverflowError, UnicodeEncodeError):
        return
    answer = await post(mine, raw)
    assert answer.status_code in (201, 400, 422), answer.text
    if answer.status_code == 201:
        read = await mine.get(answer.headers["location"])
        assert read.json() == answer.json()
