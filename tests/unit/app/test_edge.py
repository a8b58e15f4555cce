"""The outermost layer, around an application that can do anything."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
import structlog

from app.edge import SECURITY_HEADERS, Edge, Message, Receive, Scope, Send
from app.errors import Rejected
from core import ids
from core.tracing.context import Context, write
from core.tracing.tracer import Kind
from tests.tracing import FakeTracer


async def fine(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("sEcReT")


def client(app: Any, **options: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(Edge(app, https=options.pop("https", False), **options))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


async def get(path: str, app: Any = fine, **kwargs: Any) -> httpx.Response:
    async with client(app) as http:
        return await http.get(path, **kwargs)


def http_scope(raw_path: bytes, headers: list[tuple[bytes, bytes]] | None = None) -> Scope:
    return {
        "type": "http",
        "method": "GET",
        "path": raw_path.decode("latin-1"),
        "raw_path": raw_path,
        "query_string": b"",
        "headers": headers or [],
        "client": ("127.0.0.1", 1),
    }


async def status_of(scope: Scope, app: Any = fine, **options: Any) -> int:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await Edge(app, https=False, **options)(scope, options.get("receive", receive), send)
    return int(sent[0]["status"])


async def test_every_answer_has_the_security_headers() -> None:
    for app in (fine, broken):
        answer = await get("/", app)
        for name, value in SECURITY_HEADERS:
            assert answer.headers[name.decode()] == value.decode()


async def test_hsts_is_sent_only_where_we_are_reached_by_https() -> None:
    async with client(fine, https=True) as http:
        assert "strict-transport-security" in (await http.get("/")).headers
    assert "strict-transport-security" not in (await get("/")).headers


async def test_a_route_may_set_its_own_value() -> None:
    async def own(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"Cache-Control", b"max-age=1")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    assert (await get("/", own)).headers.get_list("cache-control") == ["max-age=1"]


async def test_a_callers_request_id_is_echoed() -> None:
    assert (await get("/", headers={"X-Request-ID": "abc-1"})).headers["x-request-id"] == "abc-1"


@pytest.mark.parametrize("bad", ["", "a b", "a\tb", "x" * 65, "é", "a;b", "<script>"])
async def test_a_request_id_that_is_not_safe_to_echo_is_replaced(bad: str) -> None:
    given = (await get("/", headers={"X-Request-ID": bad.encode("latin-1")})).headers["x-request-id"]
    assert given != bad
    assert ids.is_request_id(given)


async def test_two_request_ids_are_none() -> None:
    answer = await get("/", headers=[("X-Request-ID", "a"), ("X-Request-ID", "b")])
    assert answer.headers["x-request-id"] not in ("a", "b")


async def test_an_error_that_escapes_is_a_problem_that_shows_nothing() -> None:
    answer = await get("/", broken)
    problem = msgspec.json.decode(answer.content)
    assert (answer.status_code, problem["code"]) == (500, "internal_error")
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert "sEcReT" not in answer.text


async def test_an_error_after_the_answer_began_is_raised() -> None:
    async def half(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        await status_of(http_scope(b"/"), half)


@pytest.mark.parametrize(
    "path",
    [
        b"//v1/jobs",
        b"/v1//jobs",
        b"/v1/jobs/",
        b"/v1%2Fjobs",
        b"/v1%2fjobs",
        b"/v1/./jobs",
        b"/v1/../jobs",
        b"/v1/%2e%2e/jobs",
        b"/v1/jobs/%00",
        b"/v1/jobs%0a",
        b"/v1\\jobs",
        b"/v1%5cjobs",
        b"/v1/\xff",
        b"/v1/%ff",
        b"/v1/%ed%a0%80",
        b"v1/jobs",
        b"*",
        b"/%2e",
    ],
)
async def test_a_path_in_disguise_reaches_no_route(path: bytes) -> None:
    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("reached")

    assert await status_of(http_scope(path), route) == 404


@pytest.mark.parametrize("path", [b"/", b"/v1/jobs", b"/v1/jobs:batch", b"/v1/queues/a%20b", b"/v1/q/%C3%A9"])
async def test_a_plain_path_passes(path: bytes) -> None:
    assert await status_of(http_scope(path)) == 200


async def test_nul_in_the_query_is_refused() -> None:
    scope: Scope = {**http_scope(b"/"), "query_string": b"a=%00"}
    assert await status_of(scope) == 400


@pytest.mark.parametrize(
    "headers", [[(b"a", b"b")] * 101, [(b"a", b"b" * 40_000)], [(b"a", b"b" * 400)] * 100]
)
async def test_too_many_or_too_large_headers_are_refused(headers: list[tuple[bytes, bytes]]) -> None:
    assert await status_of(http_scope(b"/", headers)) == 431


async def test_a_body_that_never_ends_is_cut_off() -> None:
    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await Edge(fine, https=False, body_seconds=0.001)(http_scope(b"/"), never, send)
    assert sent[0]["status"] == 408


async def test_waiting_for_the_end_of_the_connection_has_no_deadline() -> None:
    messages: Iterator[Message] = iter(
        [{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}]
    )

    async def receive() -> Message:
        return next(messages)

    seen: list[str] = []

    async def streaming(scope: Scope, receive: Receive, send: Send) -> None:
        seen.extend([(await receive())["type"], (await receive())["type"]])
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: Message) -> None:
        pass

    await Edge(streaming, https=False)(http_scope(b"/"), receive, send)
    assert seen == ["http.request", "http.disconnect"]


async def test_a_caller_that_leaves_halfway_is_not_our_error() -> None:
    async def gone() -> Message:
        return {"type": "http.disconnect"}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await Edge(fine, https=False)(http_scope(b"/"), gone, send)
    assert sent[0]["status"] == 400


async def test_the_log_line_names_the_path_and_never_the_query() -> None:
    with structlog.testing.capture_logs() as lines:
        await get("/v1/jobs?token=sEcReT", headers={"Authorization": "Bearer sEcReT"})
    (line,) = [line for line in lines if line["event"] == "request"]
    assert (line["method"], line["path"], line["status"]) == ("GET", "/v1/jobs", 200)
    assert "sEcReT" not in str(lines)


async def test_a_refusal_from_inside_keeps_its_status() -> None:
    async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
        raise Rejected(418, "teapot", "No.")

    assert await status_of(http_scope(b"/"), refusing) == 418


async def test_a_request_has_a_span_that_continues_its_callers_trace() -> None:
    tracer = FakeTracer()
    parent = Context("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", sampled=True)
    seen: list[str] = []

    async def looking(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["state"]["trace"])
        await fine(scope, receive, send)

    async with client(looking, tracer=tracer) as http:
        await http.get("/v1/jobs/secret?token=cAnArY", headers={"traceparent": write(parent)})
    [span] = tracer.spans
    assert (span.kind, span.parent, span.over, span.failed) == (Kind.SERVER, parent, True, None)
    assert seen == [write(span.context)]
    assert span.attributes["http.response.status_code"] == 200
    assert "cAnArY" not in str(span.attributes)
    assert "/v1/jobs/secret" not in str(span.attributes)


async def test_a_request_that_breaks_has_a_span_that_failed() -> None:
    tracer = FakeTracer()
    async with client(broken, tracer=tracer) as http:
        await http.get("/v1/jobs")
    [span] = tracer.spans
    assert (span.over, span.failed) == (True, "500")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_probes_are_not_traced(path: str) -> None:
    tracer = FakeTracer()
    async with client(fine, tracer=tracer) as http:
        await http.get(path)
    assert tracer.spans == []


async def test_a_trace_that_is_not_recorded_leaves_no_mark() -> None:
    async def looking(scope: Scope, receive: Receive, send: Send) -> None:
        assert "trace" not in scope["state"]
        await fine(scope, receive, send)

    async with client(looking, tracer=FakeTracer(samples=False)) as http:
        assert (await http.get("/v1/jobs")).status_code == 200
