"""Signatures that an independent Standard Webhooks receiver accepts."""

import base64
import json
import time
from collections.abc import Sequence

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from core.signing import key, new_secret, sign, signer

MESSAGE = "0199d2c4-7a3e-7c11-9d9c-6f3f8f6f8f6f"
BODY = '{"note":"naïve ☃"}'.encode()


def headers(secrets: Sequence[str], *, body: bytes = BODY, timestamp: int | None = None) -> dict[str, str]:
    at = int(time.time()) if timestamp is None else timestamp
    return {
        "webhook-id": MESSAGE,
        "webhook-timestamp": str(at),
        "webhook-signature": sign(
            [signer(one) for one in secrets], message_id=MESSAGE, timestamp=at, body=body
        ),
    }


def test_the_specification_s_own_vector_is_met() -> None:
    signature = sign(
        [signer("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")],
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_an_independent_receiver_accepts_our_signature() -> None:
    secret = new_secret()
    assert Webhook(secret).verify(BODY, headers([secret])) == json.loads(BODY)


def test_the_empty_body_is_signed_as_such() -> None:
    secret = new_secret()
    Webhook(secret).verify(b"", headers([secret], body=b""), json_parse=False)


@pytest.mark.parametrize("holder", [0, 1])
def test_while_a_secret_rotates_a_receiver_may_hold_either(holder: int) -> None:
    secrets = [new_secret(), new_secret()]
    Webhook(secrets[holder]).verify(BODY, headers(secrets))


def test_an_independent_receiver_refuses_a_changed_byte() -> None:
    secret = new_secret()
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY.replace(b"n", b"m", 1), headers([secret]))


def test_an_independent_receiver_refuses_another_secret() -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(BODY, headers([new_secret()]))


def test_signatures_stand_in_the_order_of_their_secrets() -> None:
    one, other = new_secret(), new_secret()
    both = headers([one, other], timestamp=1)["webhook-signature"]
    assert both.split(" ") == [headers([each], timestamp=1)["webhook-signature"] for each in (one, other)]


def test_a_signer_signs_again_and_again() -> None:
    one = signer(new_secret())
    first, second = (sign([one], message_id=MESSAGE, timestamp=1, body=BODY) for _ in range(2))
    assert first == second


def test_bytes_that_are_no_text_can_be_signed() -> None:
    body = bytes(range(256))
    assert headers([new_secret()], body=body)["webhook-signature"].startswith("v1,")


@pytest.mark.parametrize("size", [24, 32, 64])
def test_a_new_secret_holds_as_many_bytes_as_asked(size: int) -> None:
    assert len(key(new_secret(size))) == size


def test_a_new_secret_has_32_bytes_and_is_never_the_same() -> None:
    one, other = new_secret(), new_secret()
    assert len(key(one)) == 32
    assert one != other


@pytest.mark.parametrize("size", [0, 23, 65])
def test_a_secret_too_short_or_too_long_is_not_made(size: int) -> None:
    with pytest.raises(ValueError, match="24 to 64 bytes"):
        new_secret(size)


@pytest.mark.parametrize(
    "secret",
    [
        "", "whsec_", "whsec_!!!", "whsec_é", "WHSEC_" + "A" * 44, "A" * 44, "whsec_ " + "A" * 44,
        "whsec_" + base64.b64encode(b"x" * 23).decode(), "whsec_" + base64.b64encode(b"x" * 65).decode(),
    ],
)  # fmt: skip
def test_what_is_no_secret_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match=r"^a signing secret"):
        key(secret)


def test_a_refusal_does_not_quote_the_secret() -> None:
    with pytest.raises(ValueError) as refusal:
        key("whsec_hunter2!")
    assert "hunter2" not in str(refusal.value)
    assert refusal.value.__suppress_context__


def test_an_id_with_a_dot_is_refused() -> None:
    with pytest.raises(ValueError, match="no dot"):
        sign([signer(new_secret())], message_id="a.1", timestamp=1, body=b"")


def test_signing_with_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to sign with"):
        sign([], message_id="a", timestamp=1, body=b"")
