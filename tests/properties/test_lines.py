"""Whatever is printed, and however it is cut on its way, the lines are the same."""

from hypothesis import example, given
from hypothesis import strategies as st

from scheduler.lines import Splitter

Piece = tuple[str, bool]
"""A line, or a piece of one, and whether it goes on with the next."""

LONGEST = 16

_PARTS = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=20).map(lambda text: text.encode("utf-8", "replace")),
    st.sampled_from([b"\n", b"\r", b"\r\n", b"\0", b"\xe2\x82", b"\xac", b"\xf0\x9f", b"x" * 50]),
)
PRINTED = st.lists(_PARTS, max_size=12)


def split(parts: list[bytes]) -> list[Piece]:
    splitter = Splitter(longest=LONGEST)
    runs = [*(run for part in parts for run in splitter.feed(part)), *splitter.end()]
    return [
        (line, run.cut and place == len(run.lines) - 1)
        for run in runs
        for place, line in enumerate(run.lines)
    ]


def whole(pieces: list[Piece]) -> str:
    """All of them again as a text whose lines end with LF, the last one too."""
    return "".join(text + ("" if cut else "\n") for text, cut in pieces)


@given(PRINTED)
@example([b"a\r", b"\0", b"\nb"])
@example([b"\r\0\n"])
def test_how_bytes_are_cut_changes_nothing(parts: list[bytes]) -> None:
    together = b"".join(parts)
    assert split(parts) == split([together]) == split([bytes([byte]) for byte in together])


@given(PRINTED)
def test_nothing_is_lost_and_nothing_is_added(parts: list[bytes]) -> None:
    text = b"".join(parts).decode("utf-8", "replace").replace("\0", "")
    expected = text.replace("\r\n", "\n").replace("\r", "\n")
    if expected and not expected.endswith("\n"):
        expected += "\n"
    assert whole(split(parts)) == expected


@given(PRINTED)
def test_every_piece_can_be_stored_and_none_is_too_long(parts: list[bytes]) -> None:
    for text, _ in split(parts):
        assert len(text.encode()) <= LONGEST
        assert not {"\n", "\r", "\0"} & set(text)
