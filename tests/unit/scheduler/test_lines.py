"""From bytes to lines."""

import pytest

from core.logs.model import LONGEST_LINE
from scheduler.lines import Run, Splitter


def lines(*data: bytes) -> list[str]:
    """The texts of everything that was fed, its end included."""
    splitter = Splitter()
    runs = [run for each in data for run in splitter.feed(each)]
    return [line for run in [*runs, *splitter.end()] for line in run.lines]


def test_a_line_comes_when_its_end_has_come() -> None:
    splitter = Splitter()
    assert splitter.feed(b"on") == []
    assert splitter.feed(b"e\ntw") == [Run(["one"])]
    assert splitter.end() == [Run(["tw"])]


def test_nothing_printed_is_no_line() -> None:
    assert lines(b"") == []


def test_an_empty_line_is_a_line() -> None:
    assert lines(b"\n\n") == ["", ""]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_each_of_the_three_line_ends_ends_a_line(end: bytes) -> None:
    assert lines(b"a" + end + b"b") == ["a", "b"]


def test_a_line_end_that_comes_in_two_parts_is_one() -> None:
    assert lines(b"a\r", b"\nb") == ["a", "b"]


def test_a_progress_bar_shows_as_it_moves() -> None:
    splitter = Splitter()
    splitter.feed(b"10 %")
    assert splitter.feed(b"\r20 %") == [Run(["10 %"])]


def test_what_is_no_utf8_is_replaced() -> None:
    assert lines(b"a\xffb\n") == ["a�b"]


def test_a_character_that_comes_in_parts_is_one() -> None:
    assert lines(b"\xe2\x82", b"\xac\n") == ["€"]


def test_a_character_that_never_ends_is_replaced() -> None:
    assert lines(b"\xe2\x82") == ["�"]


def test_nul_goes() -> None:
    assert lines(b"a\0b\0\n\0") == ["ab"]


def test_a_line_of_a_megabyte_comes_in_pieces() -> None:
    splitter = Splitter()
    *cut, rest = [*splitter.feed(b"x" * 1024 * 1024), *splitter.feed(b"\nnext\n")]
    piece = "x" * LONGEST_LINE
    assert cut == [Run([piece], cut=True)] * 127
    assert rest == Run([piece, "next"])


def test_a_character_is_never_cut() -> None:
    runs = Splitter(longest=4).feed("€€€\n".encode())
    assert runs == [Run(["€"], cut=True), Run(["€"], cut=True), Run(["€"])]
