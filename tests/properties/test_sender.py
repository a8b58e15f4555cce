"""Whatever arrives, and in whatever pieces, reading a response ends the same way and keeps little."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from scheduler.sender.reading import MAX_BODY, ResponseReader
from scheduler.sender.reply import Response

bodies = st.binary(max_size=200)
statuses = st.integers(min_value=200, max_value=599)
fragments = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 103 Hint\r\n\r\n", b"HTTP/1.0 500 X\r\n", b"\r\n", b"\0", b"\xff",
        b"HTTP/1.1 204 No\r\n\r\n", b"HTTP/1.1 101 S\r\n", b"Content-Length: 5\r\n", b"5\r\nabcde\r\n",
        b"Transfer-Encoding: chunked\r\n", b"X-A: b\r\n", b"0\r\n\r\n", b"Connection: close\r\n",
        b"Upgrade: h2c\r\n", b"x" * 1000,
    ]
)  # fmt: skip
anything = st.lists(st.one_of(fragments, st.binary(max_size=30)), max_size=20)


def framed(status: int, body: bytes, *, chunks: int) -> bytes:
    head = b"HTTP/1.1 %d X\r\nX-A: 1\r\n" % status
    if not chunks:
        return head + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    parts = [body[start : start + chunks] for start in range(0, len(body), chunks)]
    framing = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + framing + b"0\r\n\r\n"


def read(data: bytes, cuts: list[int]) -> Response:
    reader = ResponseReader()
    places = sorted({cut % len(data) for cut in cuts} | {0, len(data)})
    pieces = [data[start:end] for start, end in pairwise(places)]
    ended = [reader.feed(piece) for piece in pieces]
    assert ended == [False] * (len(pieces) - 1) + [True]
    assert reader.fault is None
    return reader.response(bytes_sent=0, reused=False)


@given(
    statuses.filter(lambda status: status not in {204, 304}),
    bodies,
    st.integers(0, 50),
    st.lists(st.integers(0, 500)),
)
def test_a_response_reads_the_same_however_it_is_cut_up(
    status: int, body: bytes, chunks: int, cuts: list[int]
) -> None:
    response = read(framed(status, body, chunks=chunks), cuts)
    assert (response.status, response.body, response.truncated) == (status, body, False)


@given(anything)
def test_no_bytes_make_the_reader_raise_or_keep_more_than_its_cap(pieces: list[bytes]) -> None:
    reader = ResponseReader()
    for piece in pieces:
        if reader.feed(piece):
            break
    if reader.fault is None:
        response = reader.response(bytes_sent=0, reused=False)
        assert len(response.body) <= MAX_BODY
        assert response.status == 0 or 200 <= response.status < 1000
