"""Cursors."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app import cursors
from core.errors import Invalid


@given(st.uuids())
def test_a_cursor_reads_back(last: UUID) -> None:
    assert cursors.read(cursors.write(last)) == last


@given(st.text(max_size=40).filter(lambda text: len(text) != 22))
def test_what_is_no_cursor_of_ours_is_refused_with_its_name(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        cursors.read(text)
    assert [fault.parameter for fault in caught.value.faults] == ["cursor"]


@given(st.uuids(), st.text(min_size=1))
def test_a_cursor_of_a_list_reads_back_there(last: UUID, of: str) -> None:
    assert cursors.read(cursors.write(last, of=of), of=of) == last


@given(st.uuids(), st.text(), st.text())
def test_a_cursor_of_one_list_is_refused_by_another(last: UUID, one: str, other: str) -> None:
    assume(one != other)
    with pytest.raises(Invalid) as caught:
        cursors.read(cursors.write(last, of=one), of=other)
    assert [fault.parameter for fault in caught.value.faults] == ["cursor"]


@given(st.uuids(), st.integers(0, 167))
def test_a_cursor_of_a_list_with_one_bit_changed_is_refused(last: UUID, bit: int) -> None:
    raw = bytearray(urlsafe_b64decode(cursors.write(last, of="jobs of mine")))
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Invalid):
        cursors.read(urlsafe_b64encode(raw).decode(), of="jobs of mine")


def test_no_cursor_is_the_first_page() -> None:
    assert cursors.read(None) is None


@pytest.mark.parametrize("text", ["", "=", "AAAA", "A" * 22 + "==", "A" * 21 + "B", "\u00e9" * 22])
def test_near_misses_are_refused(text: str) -> None:
    with pytest.raises(Invalid):
        cursors.read(text)
