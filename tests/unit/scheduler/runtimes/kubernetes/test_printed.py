"""One text out of many readings, cut wherever a connection can break."""

import base64
import random

import pytest

from scheduler.runtimes.kubernetes.objects import BEGIN, END
from scheduler.runtimes.kubernetes.printed import Joined, result_in

Line = tuple[str, bytes]

LINES: list[Line] = [
    ("2026-01-01T00:00:01.000000001Z", b"one\n"),
    ("2026-01-01T00:00:01.000000001Z", b"\n"),
    ("2026-01-01T00:00:01.500000000Z", b"two words and \x00\xff bytes\n"),
    ("2026-01-01T00:00:02.000000000Z", b"one\n"),
    ("2026-01-01T00:00:02.100000000Z", b"x" * 300 + b"\n"),
    ("2026-01-01T00:00:02.100000000Z", b"one\n"),
    ("2026-01-01T00:00:05.000000000Z", b"without an end"),
]
WHOLE = b"".join(text for _, text in LINES)


def log(since: str | None, lines: list[Line] = LINES) -> bytes:
    """As a node gives it: from a full second on."""
    chosen = [(at, text) for at, text in lines if since is None or at[:19] >= since[:19]]
    return b"".join(at.encode() + b" " + text for at, text in chosen)


def test_a_reading_in_one_go_is_the_text() -> None:
    printed = bytearray()
    Joined(printed.extend).feed(log(None))
    assert printed == WHOLE


@pytest.mark.parametrize("size", [1, 2, 7, 33, 64, 1000])
def test_how_it_is_cut_does_not_matter(size: int) -> None:
    printed, whole = bytearray(), log(None)
    joined = Joined(printed.extend)
    for at in range(0, len(whole), size):
        joined.feed(whole[at : at + size])
    assert printed == WHOLE


def test_wherever_it_breaks_off_nothing_is_missing_and_nothing_twice() -> None:
    for first in range(len(log(None))):
        printed = bytearray()
        joined = Joined(printed.extend)
        joined.feed(log(None)[:first])
        joined.begin()
        joined.feed(log(joined.since)[: max(0, first - 40)])
        joined.begin()
        joined.feed(log(joined.since))
        assert printed == WHOLE, first


@pytest.mark.parametrize("seed", range(20))
def test_it_may_break_off_again_and_again(seed: int) -> None:
    chance = random.Random(seed)
    printed = bytearray()
    joined = Joined(printed.extend)
    for _ in range(30):
        whole = log(joined.since)
        joined.feed(whole[: chance.randrange(len(whole) + 1)])
        joined.begin()
    joined.feed(log(joined.since))
    assert printed == WHOLE


@pytest.mark.parametrize("size", [1, 3, 64, 1000])
def test_what_the_node_says_itself_is_left_out(size: int) -> None:
    printed = bytearray()
    joined = Joined(printed.extend)
    own = b"unable to retrieve container logs for x\nfailed\n\n" + b"y" * 70 + b"\n" + b"z" * 70 + b" z\n"
    whole = log(None, LINES[:1]) + own + log(None, LINES[1:-1]) + own + log(None, LINES[-1:])
    for at in range(0, len(whole), size):
        joined.feed(whole[at : at + size])
    assert printed == WHOLE


def test_a_zone_is_kept_in_what_is_asked_for() -> None:
    joined = Joined(lambda data: None)
    joined.feed(b"2026-01-01T02:00:01.000000001+02:00 hi\n")
    assert joined.since == "2026-01-01T02:00:01+02:00"


def collected(result: bytes, *, ends: bool = True) -> bytes:
    return BEGIN + b"\n" + base64.encodebytes(result) + (END + b"\n" if ends else b"")


def test_a_result_comes_out_as_it_was() -> None:
    assert result_in(collected(b'{"a": 1}')) == b'{"a": 1}'
    assert result_in(collected(b"")) == b""


def test_nothing_left_is_no_result() -> None:
    assert result_in(b"") is None
    assert result_in(b"sh: something else\n") is None


@pytest.mark.parametrize("printed", [collected(b"1", ends=False), BEGIN + b"\n!!\n" + END])
def test_what_was_broken_off_is_no_json(printed: bytes) -> None:
    assert result_in(printed) == b""
