"""How an API token is spelt."""

import hashlib
import re

import pytest

from app.tokens import spelling


def test_a_new_token_is_one() -> None:
    assert all(spelling.is_token(spelling.fresh()) for _ in range(50))


def test_no_two_tokens_are_alike() -> None:
    assert len({spelling.fresh() for _ in range(200)}) == 200


def test_a_token_holds_256_random_bits_beside_its_prefix() -> None:
    token = spelling.fresh()
    secret = token.removeprefix(spelling.prefix(token) + "_")[:-6]
    assert 62 ** len(secret) > 2**256


def test_one_character_changed_anywhere_is_noticed() -> None:
    token = spelling.fresh()
    for place, character in enumerate(token):
        other = "a" if character != "a" else "b"
        assert not spelling.is_token(token[:place] + other + token[place + 1 :]), place


@pytest.mark.parametrize(
    "text", ["", "nm_", "x", "nm_abcdefgh_", "nm_abcdefgh_" + "a" * 49, "a" * 5000, "nm_ünicode_" + "a" * 49]
)
def test_what_only_looks_like_a_token_is_none(text: str) -> None:
    assert not spelling.is_token(text)


def test_nothing_may_stand_before_or_after() -> None:
    token = spelling.fresh()
    assert not any(spelling.is_token(text) for text in (f" {token}", f"{token}\n", f"{token}x", token[:-1]))


def test_the_prefix_shows_nothing_of_the_secret() -> None:
    token = spelling.fresh()
    assert re.fullmatch(r"nm_[0-9A-Za-z]{8}", spelling.prefix(token))
    assert token.startswith(spelling.prefix(token) + "_")


def test_the_database_keeps_a_digest_of_the_whole() -> None:
    token = spelling.fresh()
    assert spelling.hashed(token) == hashlib.sha256(token.encode()).digest()
