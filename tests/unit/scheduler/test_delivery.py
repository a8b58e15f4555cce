"""The request of an attempt, and the settlement of its answer."""

from typing import Any

import msgspec
import pytest

from core import signing
from core.jobs.model import BodyKind, HttpTarget, Lease, Outcome, Settlement
from core.tracing.context import Context, parse
from noonmark.webhook import verify
from scheduler import delivery
from scheduler.sender.reply import Failure
from scheduler.sender.request import Request, render
from scheduler.verdict import FailureCode
from tests.sent import headers_of
from tests.unit.scheduler.fakes import NOW, lease, response

SECRET = signing.new_secret()
KEYS = (signing.signer(SECRET),)


def target(**given: Any) -> str:
    return msgspec.json.encode(HttpTarget(**({"url": "http://127.0.0.1:9/hook"} | given))).decode()


def prepared(held: Lease, *, at: float = NOW, secret_headers: bytes | None = None) -> Request:
    request = delivery.prepare(held, KEYS, secret_headers=secret_headers, timestamp=at)
    assert isinstance(request, Request)
    return request


def headers(held: Lease, **given: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers_of(prepared(held, **given))}


def concluded(reply: Any, **given: Any) -> Settlement:
    return delivery.conclude(lease(**given), reply, now=NOW, duration=0.5)


@pytest.mark.promise(4)
def test_every_attempt_has_the_same_id_method_url_and_body_and_its_own_number() -> None:
    first = lease(target=target(method="PUT"), body=b"\x00bytes")
    second = msgspec.structs.replace(first, attempt=2)
    one, two = prepared(first), prepared(second, at=NOW + 60)
    assert (one.method, one.url, one.body) == (two.method, two.url, two.body)
    assert headers(first)["webhook-id"] == headers(second)["webhook-id"] == str(first.job_id)
    assert headers(first)["idempotency-key"] == headers(second)["idempotency-key"]
    assert [headers(held)["x-noonmark-attempt"] for held in (first, second)] == ["1", "2"]


def test_a_receiver_can_verify_what_is_sent() -> None:
    held = lease(body=b'{"a":1}', attempt=3)
    verified = verify(SECRET, headers(held), held.body, now=NOW)
    assert (verified.id, verified.attempt) == (str(held.job_id), 3)


def test_a_tenant_without_a_secret_is_not_signed_for() -> None:
    request = delivery.prepare(lease(), (), secret_headers=None, timestamp=NOW)
    assert isinstance(request, Request)
    assert "webhook-signature" not in {name for name, _ in headers_of(request)}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (BodyKind.JSON, "application/json"),
        (BodyKind.TEXT, "text/plain; charset=utf-8"),
        (BodyKind.BASE64, "application/octet-stream"),
        (BodyKind.NONE, None),
    ],
)
def test_a_body_says_what_it_is(kind: BodyKind, value: str | None) -> None:
    assert headers(lease(target=target(body_kind=kind))).get("content-type") == value


def test_a_users_own_header_replaces_ours_of_that_name() -> None:
    own = {"USER-AGENT": "mine", "Content-type": "application/cloudevents+json"}
    request = prepared(lease(target=target(headers=own, body_kind=BodyKind.JSON)))
    named = [name.lower() for name, _ in headers_of(request)]
    assert (named.count("user-agent"), named.count("content-type")) == (1, 1)


def test_secret_headers_join_the_others() -> None:
    sent = headers(lease(target=target(headers={"x-a": "1"})), secret_headers=b'{"authorization":"Bearer x"}')
    assert (sent["x-a"], sent["authorization"]) == ("1", "Bearer x")


TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize("flags", ["00", "01"])
def test_a_trace_that_we_do_not_record_is_passed_on_as_it_came(flags: str) -> None:
    given = f"00-{TRACE}-00f067aa0ba902b7-{flags}"
    assert headers(lease(trace=given))["traceparent"] == given


def test_a_trace_that_we_record_goes_on_from_our_own_span() -> None:
    span = Context(TRACE, "b7ad6b7169203331", sampled=True)
    request = delivery.prepare(
        lease(trace=f"00-{TRACE}-00f067aa0ba902b7-01"), KEYS, secret_headers=None, timestamp=NOW, span=span
    )
    assert isinstance(request, Request)
    assert dict(headers_of(request))["traceparent"] == f"00-{TRACE}-b7ad6b7169203331-01"


def test_a_job_from_before_spans_stays_in_its_trace() -> None:
    assert headers(lease(trace=TRACE))["traceparent"].startswith(f"00-{TRACE}-")


def test_a_job_without_a_trace_begins_one() -> None:
    assert parse(headers(lease())["traceparent"]) is not None


def test_a_request_id_names_the_attempt() -> None:
    assert headers(lease(request_id="abc", attempt=2))["x-request-id"] == "abc-2"


def test_a_stored_url_that_is_no_longer_allowed_is_a_failure_not_an_exception() -> None:
    refused = delivery.prepare(
        lease(target=target(url="ftp://example.com/")), KEYS, secret_headers=None, timestamp=NOW
    )
    assert isinstance(refused, Failure)
    assert refused.code is FailureCode.DESTINATION_REFUSED


def test_a_prepared_request_can_be_put_on_the_wire() -> None:
    assert render(prepared(lease(body=b"xyz"))).endswith(b"\r\n\r\nxyz")


def test_a_success_keeps_the_response() -> None:
    settled = concluded(response(200, ("x-a", "1"), ("x-a", "2"), body=b"\xff\x00"))
    assert (settled.outcome, settled.retry_seconds, settled.error_code) == (Outcome.SUCCEEDED, None, None)
    assert (settled.status, settled.headers, settled.body) == (200, b'{"x-a":"1, 2"}', b"\xff\x00")


def test_a_failure_that_may_pass_waits_as_the_policy_says() -> None:
    settled = concluded(response(503), attempt=2, retry='{"base_seconds":10,"jitter":0}')
    assert (settled.outcome, settled.retry_seconds) == (Outcome.FAILED, 20.0)


def test_retry_after_lengthens_the_wait_within_the_policys_cap() -> None:
    policy = '{"base_seconds":10,"max_seconds":100,"jitter":0}'
    assert concluded(response(429, ("retry-after", "70")), retry=policy).retry_seconds == 70.0
    assert concluded(response(429, ("retry-after", "9999")), retry=policy).retry_seconds == 100.0


def test_a_permanent_failure_is_not_retried() -> None:
    assert concluded(response(404)).retry_seconds is None


def test_the_last_attempt_is_not_retried() -> None:
    assert concluded(response(503), attempt=4).retry_seconds is None


def test_a_job_that_would_expire_before_its_next_attempt_is_not_retried() -> None:
    assert concluded(response(503), expires_at=NOW + 5).retry_seconds is None


def test_a_refused_destination_is_blocked() -> None:
    settled = concluded(Failure(FailureCode.DESTINATION_REFUSED, "Not allowed."))
    assert (settled.outcome, settled.retry_seconds, settled.bytes_sent) == (Outcome.BLOCKED, None, 0)


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b", "\udfff"])
def test_an_error_text_is_made_storable(text: str) -> None:
    settled = concluded(Failure(FailureCode.PROTOCOL_ERROR, text))
    assert settled.error_message is not None
    assert "\0" not in settled.error_message
    settled.error_message.encode()


@pytest.mark.promise(9)
def test_an_interrupted_call_may_follow_at_once() -> None:
    settled = delivery.interrupted(lease(), message="It shut down.", now=NOW, bytes_sent=9, duration=1.0)
    assert (settled.outcome, settled.retry_seconds, settled.bytes_sent) == (Outcome.INTERRUPTED, 0.0, 9)


def test_an_interrupted_last_attempt_is_the_last() -> None:
    last = lease(attempt=4)
    settled = delivery.interrupted(last, message="It shut down.", now=NOW, bytes_sent=9, duration=1.0)
    assert settled.retry_seconds is None
