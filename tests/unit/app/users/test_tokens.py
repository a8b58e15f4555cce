"""Access tokens under attack, and the refresh token's successor."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any
from uuid import uuid4

import jwt
import pytest

from app.users import tokens
from app.users.keys import derive
from app.users.tokens import Access

KEYS = derive("x" * 32)
ACCESS = Access(user_id=uuid4(), session_id=uuid4())


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    good = {
        "iss": "noonmark",
        "aud": "noonmark-api",
        "sub": str(ACCESS.user_id),
        "sid": str(ACCESS.session_id),
        "jti": "j",
        "iat": now,
        "exp": now + 600,
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def signed(
    payload: Any, *, key: bytes = KEYS.access, algorithm: str = "HS256", header: dict[str, Any] | None = None
) -> str:
    headers = {"typ": "at+jwt"} if header is None else header
    return jwt.encode(payload, key, algorithm=algorithm, headers=headers)


def segment(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def by_hand(header: bytes, payload: bytes, *, digest: str = "sha256") -> str:
    text = f"{segment(header)}.{segment(payload)}"
    return f"{text}.{segment(hmac.digest(KEYS.access, text.encode(), digest))}"


HEADER = b'{"alg":"HS256","typ":"at+jwt"}'


def test_our_own_token_says_whose_it_is() -> None:
    assert tokens.read(KEYS, tokens.issue(KEYS, ACCESS, now=time.time())) == ACCESS


def test_a_well_made_token_is_read() -> None:
    assert tokens.read(KEYS, signed(claims())) == ACCESS


def test_a_token_lives_ten_minutes() -> None:
    payload = jwt.decode(
        tokens.issue(KEYS, ACCESS, now=1000.0), options={"verify_signature": False, "verify_exp": False}
    )
    assert (payload["iat"], payload["exp"]) == (1000, 1600)


def test_an_expired_token_is_refused() -> None:
    assert tokens.read(KEYS, tokens.issue(KEYS, ACCESS, now=time.time() - 610)) is None


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "sid", "jti", "iat", "exp"])
def test_every_claim_is_required(name: str) -> None:
    assert tokens.read(KEYS, signed(claims(**{name: None}))) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "other"},
        {"iss": ["noonmark"]},
        {"aud": "other"},
        {"aud": ["noonmark-api"]},
        {"aud": ["noonmark-api", "other"]},
        {"exp": 0},
        {"exp": "soon"},
        {"exp": 1e999},
        {"exp": True},
        {"iat": 99999999999},
        {"nbf": 99999999999},
        {"sub": "nobody"},
        {"sub": 7},
        {"sub": ["a"]},
        {"sid": "none"},
        {"sid": 7},
        {"sid": {"a": 1}},
    ],
)
def test_a_claim_that_is_not_ours_is_refused(changes: dict[str, Any]) -> None:
    text = json.dumps(claims() | changes).encode()
    assert tokens.read(KEYS, by_hand(HEADER, text)) is None


def test_the_same_claims_by_hand_would_pass() -> None:
    assert tokens.read(KEYS, by_hand(HEADER, json.dumps(claims()).encode())) == ACCESS


@pytest.mark.parametrize("typ", ["JWT", "jwt", "refresh+jwt", "AT+JWT", "application/at+jwt", None, 7])
def test_another_type_of_token_is_refused(typ: Any) -> None:
    header = json.dumps({"alg": "HS256", "typ": typ}).encode()
    assert tokens.read(KEYS, by_hand(header, json.dumps(claims()).encode())) is None


def test_a_token_without_a_type_is_refused() -> None:
    assert tokens.read(KEYS, by_hand(b'{"alg":"HS256"}', json.dumps(claims()).encode())) is None


@pytest.mark.parametrize("algorithm", ["none", "None", "NoNe", "NONE", ""])
def test_an_unsigned_token_is_refused(algorithm: str) -> None:
    header = json.dumps({"alg": algorithm, "typ": "at+jwt"}).encode()
    unsigned = f"{segment(header)}.{segment(json.dumps(claims()).encode())}"
    for token in (unsigned, f"{unsigned}.", f"{unsigned}..", f"{unsigned}.AA"):
        assert tokens.read(KEYS, token) is None


def test_another_key_is_refused() -> None:
    other = derive("y" * 32)
    assert tokens.read(KEYS, signed(claims(), key=other.access)) is None


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_the_right_key_with_another_algorithm_is_refused(algorithm: str) -> None:
    header = json.dumps({"alg": algorithm, "typ": "at+jwt"}).encode()
    token = by_hand(header, json.dumps(claims()).encode(), digest=algorithm.lower().replace("hs", "sha"))
    assert tokens.read(KEYS, token) is None


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA", "PS256"])
def test_an_asymmetric_algorithm_is_refused(algorithm: str) -> None:
    header = json.dumps({"alg": algorithm, "typ": "at+jwt"}).encode()
    assert tokens.read(KEYS, by_hand(header, json.dumps(claims()).encode())) is None


@pytest.mark.parametrize("kid", ["../../dev/null", "' OR 1=1 --", "x" * 2000])
def test_a_key_id_chooses_nothing(kid: str) -> None:
    header = {"typ": "at+jwt", "kid": kid}
    assert tokens.read(KEYS, signed(claims(), key=b"\x00" * 32, header=header)) is None


def test_a_key_inside_the_token_is_not_used() -> None:
    jwk = {"kty": "oct", "k": segment(b"k" * 32)}
    header = {"typ": "at+jwt", "jwk": jwk, "jku": "http://127.0.0.1/keys", "x5u": "http://127.0.0.1/cert"}
    assert tokens.read(KEYS, signed(claims(), key=b"k" * 32, header=header)) is None


def test_a_critical_extension_is_refused() -> None:
    header = b'{"alg":"HS256","typ":"at+jwt","crit":["x"],"x":1}'
    assert tokens.read(KEYS, by_hand(header, json.dumps(claims()).encode())) is None


def test_a_swapped_payload_is_refused() -> None:
    head, _, signature = signed(claims()).split(".")
    payload = segment(json.dumps(claims(sub=str(uuid4()))).encode())
    assert tokens.read(KEYS, f"{head}.{payload}.{signature}") is None


def test_one_flipped_bit_of_the_signature_is_refused() -> None:
    token = signed(claims())
    flipped = "A" if token[-10] != "A" else "B"
    assert tokens.read(KEYS, f"{token[:-10]}{flipped}{token[-9:]}") is None


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "é.é.é",
        "\ud800",
        "\x00",
        "null",
        segment(b"[]") + ".." + segment(b"x"),
        segment(b"null") + "." + segment(b"{}") + ".x",
        segment(b"[" * 2900) + ".e30.x",
        segment(b'{"alg":["HS256"]}') + ".e30.x",
        segment(b'{"alg":{"a":1}}') + ".e30.x",
        segment(b'{"alg":7}') + ".e30.x",
        segment(b"\xff\xfe") + ".e30.x",
        segment(HEADER) + ".=.=",
        segment(HEADER) + ".e30",
    ],
)
def test_what_is_no_token_is_simply_not_valid(token: str) -> None:
    assert tokens.read(KEYS, token) is None


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"null", b"7", b'"a"', b"\xff", b"[" * 2500, b'{"exp":NaN}', b"{"]
)
def test_a_signed_payload_that_is_no_object_is_not_valid(payload: bytes) -> None:
    assert tokens.read(KEYS, by_hand(HEADER, payload)) is None


def test_padding_and_spaces_are_refused() -> None:
    token = signed(claims())
    for spoiled in (f" {token}", f"{token} ", f"{token}\n"):
        assert tokens.read(KEYS, spoiled) is None


def test_a_token_beyond_4_kib_is_not_even_parsed() -> None:
    token = signed(claims(pad="x" * 4000))
    assert len(token) > 4096
    assert tokens.read(KEYS, token) is None


def test_keys_differ_by_purpose_and_by_secret() -> None:
    assert len({KEYS.access, KEYS.refresh, derive("y" * 32).access, derive("y" * 32).refresh}) == 4


def test_keys_never_show_in_a_repr() -> None:
    assert repr(KEYS.access) not in repr(KEYS)


def test_a_successor_is_always_the_same_and_tells_nothing_without_the_key() -> None:
    token = tokens.fresh()
    assert tokens.successor(KEYS, token) == tokens.successor(KEYS, token)
    assert tokens.successor(derive("y" * 32), token) != tokens.successor(KEYS, token)
    assert len(tokens.successor(KEYS, token)) == 43


def test_fresh_tokens_have_256_bits_and_never_repeat() -> None:
    made = {tokens.fresh() for _ in range(1000)}
    assert len(made) == 1000
    assert all(len(base64.urlsafe_b64decode(token + "=")) == 32 for token in made)


def test_only_the_hash_is_kept() -> None:
    assert tokens.hashed("a") == hashlib.sha256(b"a").digest()
