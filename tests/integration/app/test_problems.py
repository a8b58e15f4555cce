"""Whatever goes wrong, the answer is a problem document with the usual headers."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app import application
from app.edge import SECURITY_HEADERS, Edge
from core import ids
from core.db import Database
from core.sealing import Keyring
from core.settings import Settings

JSON = {"Content-Type": "application/json"}


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    for name, value in SECURITY_HEADERS:
        assert answer.headers[name.decode()] == value.decode()
    found: dict[str, Any] = answer.json()
    assert (found["status"], found["code"]) == (status, code)
    assert found["request_id"] == answer.headers["x-request-id"]
    assert ids.is_request_id(found["request_id"])
    assert {"type", "title", "detail"} <= found.keys()
    return found


@pytest.mark.parametrize(
    "path", ["/nope", "/v1/nope", "/v1", "/schema", "/v1/auth", "/debug", "/docs", "/pages/x"]
)
async def test_an_unknown_path_is_not_found(api: httpx.AsyncClient, path: str) -> None:
    problem(await api.get(path), 404, "not_found")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "POST", "TRACE", "BREW"])
async def test_a_method_that_is_not_there_names_those_that_are(api: httpx.AsyncClient, method: str) -> None:
    answer = await api.request(method, "/v1/me")
    problem(answer, 405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "OPTIONS"}


async def test_no_credential_is_unauthenticated(api: httpx.AsyncClient) -> None:
    answer = await api.get("/v1/me")
    problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("raw", [b"{", b"\xff", b'{"email":"\\ud800"}', b"[" * 200_000, b"\x00"])
async def test_what_is_no_json_is_malformed(api: httpx.AsyncClient, raw: bytes) -> None:
    problem(await api.post("/v1/auth/magic-link", content=raw, headers=JSON), 400, "malformed_json")


async def test_no_body_is_a_fault_of_the_body(api: httpx.AsyncClient) -> None:
    found = problem(await api.post("/v1/auth/magic-link", headers=JSON), 422, "validation_failed")
    assert found["errors"][0]["pointer"] == ""


async def test_all_faults_are_listed(api: httpx.AsyncClient) -> None:
    answer = await api.post("/v1/auth/magic-link", json={"email": 7, "name": "x"})
    found = problem(answer, 422, "validation_failed")
    assert {fault["pointer"] for fault in found["errors"]} == {"/email", "/name"}


async def test_nul_in_a_field_is_a_fault(api: httpx.AsyncClient) -> None:
    answer = await api.post("/v1/auth/verify", content=b'{"token":"\\u0000"}', headers=JSON)
    assert problem(answer, 422, "validation_failed")["errors"][0]["pointer"] == "/token"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/jsonp"},
        {"Content-Type": "text/plain, application/json"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
async def test_only_json_is_read(api: httpx.AsyncClient, headers: dict[str, str]) -> None:
    answer = await api.post("/v1/auth/magic-link", content=b'{"email":"a@x.io"}', headers=headers)
    problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "media_type", ["application/json", "Application/JSON", "application/json; charset=UTF-8"]
)
async def test_json_by_any_spelling_is_read(api: httpx.AsyncClient, media_type: str) -> None:
    headers = {"Content-Type": media_type}
    answer = await api.post("/v1/auth/magic-link", content=b'{"email":"a@x.io"}', headers=headers)
    assert answer.status_code == 202


async def test_a_body_announced_too_large_is_refused(api: httpx.AsyncClient) -> None:
    body = b'"' + b"x" * application.MAX_BODY + b'"'
    answer = await api.post("/v1/auth/magic-link", content=body, headers=JSON)
    problem(answer, 413, "payload_too_large")


async def test_a_body_that_grows_too_large_is_refused(api: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 65536

    answer = await api.post("/v1/auth/magic-link", content=chunks(), headers=JSON)
    problem(answer, 413, "payload_too_large")


async def test_a_body_up_to_the_limit_is_read(api: httpx.AsyncClient) -> None:
    body = b'"' + b"x" * (application.MAX_BODY - 2) + b'"'
    answer = await api.post("/v1/auth/magic-link", content=body, headers=JSON)
    problem(answer, 422, "validation_failed")


@pytest.mark.parametrize("host", ["a b", "a/b"])
async def test_a_host_that_is_none_is_refused(api: httpx.AsyncClient, host: str) -> None:
    problem(await api.get("/healthz", headers={"Host": host}), 400, "bad_request")


async def test_an_outage_asks_for_another_try(settings: Settings, keyring: Keyring) -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/none", name="tests")
    edge = application.build(settings, away, keyring)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(edge), base_url="http://x") as api:
        answer = await api.post("/v1/auth/magic-link", json={"email": "a@x.io"})
        problem(answer, 503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert "nobody" not in answer.text
    await away.close()


async def test_an_error_of_ours_shows_nothing(api: httpx.AsyncClient, database: Database) -> None:
    async with database.raw() as connection:
        await connection.execute("DROP TABLE magic_links")
    answer = await api.post("/v1/auth/verify", json={"token": "x"})
    problem(answer, 500, "internal_error")
    assert "magic_links" not in answer.text


@pytest.mark.parametrize("query", ["to=%00", "%00=1", "a=b%00c"])
async def test_nul_in_a_query_never_reaches_the_database(api: httpx.AsyncClient, query: str) -> None:
    problem(await api.get(f"/dev/outbox?{query}"), 400, "bad_request")


@pytest.mark.parametrize(
    "query", ["to=%ff", "to=%ed%a0%80", "to=" + "x" * 5000, "to=a&to=b", "&&&=", "to[]=1"]
)
async def test_an_odd_query_is_no_error_of_ours(api: httpx.AsyncClient, query: str) -> None:
    assert (await api.get(f"/dev/outbox?{query}")).status_code < 500


async def test_security_headers_are_on_answers_that_went_well(api: httpx.AsyncClient) -> None:
    for path in ("/healthz", "/v1/openapi.json", "/metrics"):
        answer = await api.get(path)
        assert answer.status_code == 200
        for name, value in SECURITY_HEADERS:
            assert answer.headers[name.decode()] == value.decode()


async def test_edges_of_two_applications_do_not_share_anything(edge: Edge, api: httpx.AsyncClient) -> None:
    first, second = await api.get("/healthz"), await api.get("/healthz")
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
