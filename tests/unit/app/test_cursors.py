"""Cursors."""

from uuid import UUID

import pytest
from hypothesis import given
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


def test_no_cursor_is_the_first_page() -> None:
    assert cursors.read(None) is None


@pytest.mark.parametrize("text", ["", "=", "AAAA", "A" * 22 + "==", "A" * 21 + "B", "\u00e9" * 22])
def test_near_misses_are_refused(text: str) -> None:
    with pytest.raises(Invalid):
        cursors.read(text)
