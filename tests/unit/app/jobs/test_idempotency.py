"""Idempotency keys and what counts as the same request."""

import pytest

from app.jobs import idempotency
from app.jobs.idempotency import Key
from core.errors import Invalid


def hashed(raw: bytes, about: str = "") -> bytes:
    key = idempotency.key("k", scope="s", about=about, raw=raw)
    assert isinstance(key, Key)
    return key.request_hash


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (b'{"a":1,"b":2}', b' { "b" : 2 , "a" : 1 } '),
        (b'{"a":{"x":[1.0],"y":2}}', b'{"a":{"y":2,"x":[1.0]}}'),
        (b'"\\u00e9"', '"\u00e9"'.encode()),
        (b"", b"null"),
    ],
)
def test_order_spaces_and_escapes_make_no_difference(one: bytes, two: bytes) -> None:
    assert hashed(one) == hashed(two)


@pytest.mark.parametrize(
    ("one", "two"),
    [(b"[1,2]", b"[2,1]"), (b"1", b"1.0"), (b"1e400", b"1e401"), (b"1.5", b'"1.5"'), (b"{}", b"null")],
)
def test_other_values_are_another_request(one: bytes, two: bytes) -> None:
    assert hashed(one) != hashed(two)


def test_the_same_body_about_something_else_is_another_request() -> None:
    assert hashed(b"{}", about="a") != hashed(b"{}", about="b")


def test_without_a_key_there_is_nothing_to_remember() -> None:
    assert idempotency.key(None, scope="s", raw=b"{}") is None


@pytest.mark.parametrize("text", ["", " ", "a b", "a\n", "k" * 256, "k\u00e9"])
def test_a_key_is_visible_ascii_of_bounded_length(text: str) -> None:
    with pytest.raises(Invalid):
        idempotency.key(text, scope="s", raw=b"{}")
