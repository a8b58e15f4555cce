"""What is kept of a response, and when reading stops."""

import gzip

import pytest

from scheduler.sender.reading import MAX_BODY, MAX_HEAD, ResponseReader
from scheduler.sender.reply import Response


def reader(*, head_only: bool = False) -> ResponseReader:
    fresh = ResponseReader()
    fresh.begin(head_only=head_only)
    return fresh


def read(data: bytes, *, head_only: bool = False) -> tuple[ResponseReader, Response]:
    """Fed at once; it must end there without a fault."""
    one = reader(head_only=head_only)
    assert one.feed(data) and one.fault is None, one.fault
    return one, one.response(bytes_sent=1, reused=False)


def fault(data: bytes) -> str:
    one = reader()
    assert one.feed(data)
    assert one.fault is not None
    return one.fault


def test_a_response_with_a_length_is_whole_at_its_last_byte() -> None:
    one = reader()
    for byte in b"HTTP/1.1 201 Created\r\nX-A: 1\r\nContent-Length: 3\r\n\r\nab":
        assert not one.feed(bytes([byte]))
    assert one.feed(b"c")
    assert one.response(bytes_sent=9, reused=True) == Response(
        status=201,
        headers=(("x-a", "1"), ("content-length", "3")),
        body=b"abc",
        truncated=False,
        bytes_sent=9,
        reused=True,
    )
    assert one.keep_alive


def test_a_chunked_body_is_joined_and_its_trailers_are_dropped() -> None:
    one, response = read(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n"
    )
    assert (response.body, response.headers) == (b"abcde", (("transfer-encoding", "chunked"),))
    assert one.keep_alive


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_content_ends_with_its_head(status: int) -> None:
    one, response = read(b"HTTP/1.1 %d X\r\n\r\n" % status)
    assert (response.status, response.body) == (status, b"")
    assert one.keep_alive


def test_the_answer_to_a_head_request_ends_with_its_head_and_its_connection_is_not_kept() -> None:
    one, response = read(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", head_only=True)
    assert (response.status, response.body, response.truncated) == (200, b"", False)
    assert not one.keep_alive


def test_interim_responses_are_passed_over() -> None:
    _, response = read(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"
    )
    assert (response.status, response.headers, response.body) == (200, (("content-length", "1"),), b"x")


def test_interim_responses_without_end_are_a_fault() -> None:
    one = reader()
    hint = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    assert any(one.feed(hint) for _ in range(MAX_HEAD // len(hint) + 2))
    assert one.fault


def test_a_switch_of_protocols_is_a_fault() -> None:
    assert "protocols" in fault(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nx"
    )
    assert "protocols" in fault(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")


def test_a_body_of_the_cap_is_whole() -> None:
    one, response = read(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % MAX_BODY + b"x" * MAX_BODY)
    assert (len(response.body), response.truncated) == (MAX_BODY, False)
    assert one.keep_alive


def test_a_body_over_the_cap_is_cut_and_its_connection_is_not_kept() -> None:
    one, response = read(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n" + b"x" * (MAX_BODY + 1))
    assert (response.status, len(response.body), response.truncated) == (200, MAX_BODY, True)
    assert not one.keep_alive


def test_a_body_without_end_is_cut() -> None:
    one = reader()
    one.feed(b"HTTP/1.1 500 X\r\n\r\n")
    assert not one.feed(b"x" * MAX_BODY)
    assert one.feed(b"x")
    response = one.response(bytes_sent=0, reused=False)
    assert (response.status, len(response.body), response.truncated) == (500, MAX_BODY, True)


@pytest.mark.parametrize("piece", [b"1;" + b"e" * 8000 + b"\r\nx\r\n", b"0\r\n" + b"X: y\r\n" * 40_000])
def test_framing_without_end_is_cut_and_the_status_stands(piece: bytes) -> None:
    one = reader()
    one.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    feeds = (piece if number == 0 or piece[:1] == b"1" else b"X: y\r\n" * 1000 for number in range(400))
    assert any(one.feed(data) for data in feeds)
    assert one.fault is None
    response = one.response(bytes_sent=0, reused=False)
    assert (response.status, response.truncated) == (200, True)


@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip", "br"])
def test_a_coded_body_is_kept_as_it_came(encoding: str) -> None:
    bomb = gzip.compress(gzip.compress(bytes(20_000_000)))
    assert len(bomb) < 2000
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(bomb)}\r\n\r\n"
    _, response = read(head.encode() + bomb)
    assert response.body == bomb


def test_a_coded_transfer_is_unchunked_and_no_more() -> None:
    _, response = read(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\n\x1f\x8b\r\n0\r\n\r\n"
    )
    assert response.body == b"\x1f\x8b"


@pytest.mark.parametrize(
    "head",
    [
        b"X-A: " + b"a" * MAX_HEAD,
        b"X: y\r\n" * (MAX_HEAD // 5),
        b"a" * MAX_HEAD,
    ],
)
def test_a_head_without_end_is_a_fault(head: bytes) -> None:
    one = reader()
    one.feed(b"HTTP/1.1 200 OK\r\n")
    assert one.feed(head)
    assert one.fault


def test_many_headers_are_kept_up_to_the_limits() -> None:
    lines = b"".join(b"X-%d: v\r\n" % number for number in range(1000))
    _, response = read(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + lines + b"\r\n")
    assert len(response.headers) == 64
    _, response = read(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 16_380 + b"\r\nContent-Length: 0\r\n\r\n")
    assert [name for name, _ in response.headers] == ["x-a"]


def test_header_values_outside_ascii_are_read_as_latin1() -> None:
    _, response = read(
        "HTTP/1.1 200 Grün\r\nX-Ä: ü\r\nContent-Length: 0\r\n\r\n".encode("latin-1").replace(
            b"X-\xc4", b"X-A"
        )
    )
    assert response.headers[0] == ("x-a", "ü")


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"220 mail.example.com ESMTP\r\n",
        b"<html><body>hi</body></html>",
        b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64",
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 99999 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-A\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-A: a\0b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n X-A: folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11111111111111111\r\n",
        b"\r\n\r\n\0",
    ],
)
def test_what_is_not_http_is_a_fault(data: bytes) -> None:
    assert fault(data)


def test_bytes_after_the_response_cost_the_connection_and_not_the_response() -> None:
    one, response = read(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 500 X\r\nX-A: 1\r\n\r\n")
    assert (response.status, response.body) == (200, b"x")
    assert not one.keep_alive
    one, response = read(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxyz")
    assert (response.status, response.body) == (200, b"x")
    assert not one.keep_alive


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", True),
    ],
)
def test_the_target_says_whether_the_connection_is_kept(data: bytes, kept: bool) -> None:
    one, _ = read(data)
    assert one.keep_alive is kept


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (b"", False),
        (b"HTTP/1.1 200 OK\r\n", False),
        (b"HTTP/1.1 200 OK\r\n\r\nabc", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n", False),
        (b"HTTP/1.1 100 Continue\r\n\r\n", False),
    ],
)
def test_the_end_of_the_connection_ends_only_a_body_without_other_framing(data: bytes, whole: bool) -> None:
    one = reader()
    assert not data or not one.feed(data)
    assert one.ends_with_connection() is whole


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (b"Keep-Alive: timeout=5, max=100", 5.0),
        (b"keep-alive: max=3, TIMEOUT = 15", 15.0),
        (b'Keep-Alive: timeout="2"', 2.0),
        (b"Keep-Alive: max=3", None),
        (b"Keep-Alive: timeout=soon", None),
        (b"X-A: timeout=5", None),
    ],
)
def test_the_targets_promise_of_an_idle_connection_is_read(header: bytes, seconds: float | None) -> None:
    one, _ = read(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + header + b"\r\n\r\n")
    assert one.keep_alive_seconds() == seconds


def test_nothing_of_one_response_is_left_in_the_next() -> None:
    one, _ = read(b"HTTP/1.1 500 X\r\nX-A: 1\r\nContent-Length: 1\r\n\r\nx")
    one.begin(head_only=False)
    assert one.feed(b"HTTP/1.1 200 OK\r\nX-B: 2\r\nContent-Length: 0\r\n\r\n")
    response = one.response(bytes_sent=0, reused=True)
    assert (response.status, response.body, response.headers[0]) == (200, b"", ("x-b", "2"))
