"""Receivers trust what an independent Standard Webhooks sender signed lately, and nothing else."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from noonmark import Delivery, InvalidSignature, verify

NOW = 1_800_000_000
MESSAGE = "0199d2c4-7a3e-7c11-9d9c-6f3f8f6f8f6f"
SECRET = "whsec_" + base64.b64encode(b"a" * 32).decode()
OTHER_SECRET = "whsec_" + base64.b64encode(b"b" * 32).decode()
BODY = '{"note":"naïve ☃"}'


def signature(secret: str = SECRET, *, message: str = MESSAGE, at: int = NOW, body: str = BODY) -> str:
    return Webhook(secret).sign(message, datetime.fromtimestamp(at, UTC), body)


def headers(signed: str | None = None, **changes: str) -> dict[str, str]:
    given = {
        "webhook-id": MESSAGE,
        "webhook-timestamp": str(NOW),
        "webhook-signature": signature() if signed is None else signed,
        "x-noonmark-attempt": "2",
    }
    return given | {name.replace("_", "-"): value for name, value in changes.items()}


def refusal(
    given: Mapping[str, str],
    *,
    body: bytes = BODY.encode(),
    now: float = NOW,
    secret: str | list[str] = SECRET,
) -> str:
    with pytest.raises(InvalidSignature) as refused:
        verify(secret, given, body, now=now)
    assert str(refused.value) == refused.value.reason
    return refused.value.reason


def test_what_an_independent_sender_signed_is_accepted() -> None:
    assert verify(SECRET, headers(), BODY.encode(), now=NOW) == Delivery(MESSAGE, NOW, 2, BODY.encode())


def test_the_clock_of_the_machine_is_used_unless_another_is_given() -> None:
    at = int(datetime.now(UTC).timestamp())
    verify(SECRET, headers(signature(at=at), webhook_timestamp=str(at)), BODY.encode())


def test_the_empty_body_is_accepted_as_signed() -> None:
    assert verify(SECRET, headers(signature(body="")), b"", now=NOW).body == b""


def test_header_names_are_read_in_any_case() -> None:
    given = {name.title(): value for name, value in headers().items()}
    assert verify(SECRET, given, BODY.encode(), now=NOW).attempt == 2


def test_a_sender_that_counts_no_attempts_is_at_its_first() -> None:
    given = headers()
    del given["x-noonmark-attempt"]
    assert verify(SECRET, given, BODY.encode(), now=NOW).attempt == 1


@pytest.mark.parametrize("secrets", [[SECRET, OTHER_SECRET], [OTHER_SECRET, SECRET]])
def test_any_of_several_secrets_may_have_signed(secrets: list[str]) -> None:
    verify(secrets, headers(), BODY.encode(), now=NOW)


@pytest.mark.parametrize("secret", [SECRET, OTHER_SECRET])
def test_any_of_several_signatures_may_be_ours(secret: str) -> None:
    both = f"{signature(OTHER_SECRET)} {signature(SECRET)}"
    verify(secret, headers(both), BODY.encode(), now=NOW)


def test_signatures_of_unknown_versions_are_passed_over() -> None:
    verify(SECRET, headers(f"v1a,AAAA v2,{'x' * 99} nonsense {signature()}"), BODY.encode(), now=NOW)


def test_a_right_signature_under_an_unknown_version_does_not_count() -> None:
    assert refusal(headers(signature().replace("v1,", "v2,"))) == "no signature matches"


def test_another_secret_does_not_verify() -> None:
    assert refusal(headers(), secret=[OTHER_SECRET]) == "no signature matches"


def test_any_changed_byte_of_the_body_is_noticed() -> None:
    body = BODY.encode()
    for place in range(len(body)):
        changed = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        assert refusal(headers(), body=changed) == "no signature matches"


@pytest.mark.parametrize("body", [b"", BODY.encode() + b"\n", BODY.encode() + b"\0", b"\0" + BODY.encode()])
def test_a_shorter_or_longer_body_is_noticed(body: bytes) -> None:
    assert refusal(headers(), body=body) == "no signature matches"


@pytest.mark.parametrize("change", [{"webhook_id": "other"}, {"webhook_timestamp": str(NOW + 1)}])
def test_a_changed_id_or_timestamp_is_noticed(change: dict[str, str]) -> None:
    assert refusal(headers(**change)) == "no signature matches"


@pytest.mark.parametrize("now", [NOW - 300, NOW + 300])
def test_five_minutes_of_difference_are_tolerated_both_ways(now: float) -> None:
    verify(SECRET, headers(), BODY.encode(), now=now)


def test_an_old_delivery_is_refused() -> None:
    assert refusal(headers(), now=NOW + 300.5) == "webhook-timestamp is too old"


def test_a_delivery_from_the_future_is_refused() -> None:
    assert refusal(headers(), now=NOW - 300.5) == "webhook-timestamp is in the future"


def test_the_tolerance_can_be_chosen() -> None:
    verify(SECRET, headers(), BODY.encode(), now=NOW + 3600, tolerance_seconds=3600)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_named(name: str) -> None:
    given = headers()
    del given[name]
    assert refusal(given) == f"{name} is missing"


def test_no_headers_at_all_are_refused() -> None:
    assert refusal({}) == "webhook-id is missing"


def test_a_repeated_header_is_refused() -> None:
    assert refusal(headers() | {"Webhook-Id": "other"}) == "webhook-id is repeated"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("webhook-id", value) for value in ("", "a.1", "a b", "a\n", "\0", "é", "\ud800", "x" * 256)],
        *[
            ("webhook-timestamp", value)
            for value in ("", "-1", "1e9", "1.5", " 1", "1\n", "NaN", "١", "9" * 99)
        ],
        *[("x-noonmark-attempt", value) for value in ("", "0", "-1", "1.0", "one", "9" * 99)],
    ],
)
def test_a_malformed_header_is_named(name: str, value: str) -> None:
    assert refusal(headers() | {name: value}) == f"{name} is malformed"


@pytest.mark.parametrize(
    "signed",
    ["", " ", "v1", "v1,", "v1,,", "v1,!!!", "v1,é", "v1,\0", "v1,\ud800", "v1,AAAA", "v1," + "A" * 65_536],
    ids=range(11),
)
def test_a_signature_that_is_no_base64_or_another_s_is_refused(signed: str) -> None:
    assert refusal(headers(signed)) == "no signature matches"


def test_a_part_of_the_body_cannot_pass_as_the_timestamp() -> None:
    old, fresh = NOW - 9_999, NOW
    captured = signature(at=old, body=f"{fresh}.hello")
    given = headers(captured, webhook_id=f"{MESSAGE}.{old}")
    assert refusal(given, body=b"hello") == "webhook-id is malformed"


@pytest.mark.parametrize("secret", [SECRET.removeprefix("whsec_"), SECRET.rstrip("=")])
def test_a_secret_may_come_without_prefix_or_padding(secret: str) -> None:
    verify(secret, headers(), BODY.encode(), now=NOW)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_hunter2!", "é", []])
def test_a_secret_that_is_none_is_the_receiver_s_mistake(secret: str | list[str]) -> None:
    with pytest.raises(ValueError) as mistake:
        verify(secret, headers(), BODY.encode(), now=NOW)
    assert "hunter2" not in str(mistake.value)


def test_a_parsed_body_is_the_receiver_s_mistake() -> None:
    parsed: Any = BODY
    with pytest.raises(TypeError, match="raw body"):
        verify(SECRET, headers(), parsed, now=NOW)
