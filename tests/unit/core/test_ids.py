"""Ids sort by age, and only harmless request ids are echoed."""

import pytest

from core import ids


def test_later_ids_are_greater() -> None:
    made = [ids.new() for _ in range(10_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_an_id_is_a_uuid_of_version_7() -> None:
    assert ids.new().version == 7


@pytest.mark.parametrize("text", ["a", "A-9", "x" * 64, "018f-dead-beef"])
def test_a_plain_request_id_is_taken(text: str) -> None:
    assert ids.is_request_id(text)


@pytest.mark.parametrize("text", ["", "x" * 65, "a b", "a\n", "a\r\nb", "é", "<b>", "a_b", "a/b"])
def test_a_request_id_that_could_do_harm_is_not(text: str) -> None:
    assert not ids.is_request_id(text)
