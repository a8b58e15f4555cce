"""The credential of an attempt: what it says, and what is none."""

import base64
import json
import time
from uuid import uuid4

import jwt
import pytest

from core import callbacks
from core.callbacks import Pass
from core.sealing import Keyring

OLD, NEW = b"o" * 32, b"n" * 32
KEYRING = Keyring({"old": OLD})
OF = Pass(job_id=uuid4(), attempt=2, lease_token=uuid4())


def issued(keyring: Keyring = KEYRING, *, seconds: float = 60.0) -> str:
    return callbacks.issue(keyring, OF, expires_at=time.time() + seconds)


def test_it_says_which_attempt_somebody_speaks_for() -> None:
    assert callbacks.read(KEYRING, issued()) == OF


def test_it_ends_with_its_deadline() -> None:
    assert callbacks.read(KEYRING, issued(seconds=-10)) is None


def test_it_outlives_a_change_of_the_master_key() -> None:
    token = issued()
    assert callbacks.read(Keyring({"new": NEW, "old": OLD}), token) == OF
    assert callbacks.read(Keyring({"new": NEW}), token) is None


def test_another_key_of_the_same_name_does_not_open_it() -> None:
    assert callbacks.read(Keyring({"old": NEW}), issued()) is None


def test_no_master_key_can_be_read_from_it() -> None:
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(issued(), OLD, algorithms=["HS256"], audience="noonmark-attempt")


def test_what_was_changed_is_none() -> None:
    head, body, signature = issued().split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    other = json.dumps(claims | {"sub": str(uuid4())}).encode()
    forged = base64.urlsafe_b64encode(other).rstrip(b"=").decode()
    assert callbacks.read(KEYRING, f"{head}.{forged}.{signature}") is None


def test_what_is_not_signed_is_none() -> None:
    claims = jwt.decode(issued(), options={"verify_signature": False})
    head = {"typ": "attempt+jwt", "kid": "old"}
    assert callbacks.read(KEYRING, jwt.encode(claims, "", algorithm="none", headers=head)) is None


@pytest.mark.parametrize("change", [{"typ": "at+jwt"}, {"kid": "other"}, {"kid": ""}, {"kid": ["old"]}])
def test_it_says_what_it_is(change: dict[str, object]) -> None:
    claims = jwt.decode(issued(), options={"verify_signature": False})
    signer = KEYRING.signer("attempt token")
    assert signer is not None
    head, body, _ = jwt.encode(claims, signer[1], headers={"typ": "attempt+jwt", "kid": "old"}).split(".")
    written = json.loads(base64.urlsafe_b64decode(head + "==")) | change
    forged = base64.urlsafe_b64encode(json.dumps(written).encode()).rstrip(b"=").decode()
    assert callbacks.read(KEYRING, f"{forged}.{body}.x") is None


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "." * 10, "x" * 5000])
def test_what_a_stranger_makes_up_is_none(text: str) -> None:
    assert callbacks.read(KEYRING, text) is None
