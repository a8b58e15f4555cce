"""The bytes of a request."""

from uuid import UUID

import pytest

from core.egress.urls import Url, parse_url
from scheduler.sender.request import Request, header_lines, render


def request(
    method: str = "POST",
    target: str = "http://example.com/hook?a=b",
    headers: tuple[tuple[str, str], ...] = (),
    body: bytes = b"",
) -> Request:
    url = parse_url(target)
    assert isinstance(url, Url)
    return Request(tenant_id=UUID(int=1), method=method, url=url, headers=header_lines(headers), body=body)


def test_a_request_goes_out_in_one_block_with_its_headers_in_order() -> None:
    sent = render(request(headers=(("X-B", "1"), ("X-A", "two words")), body="{é}".encode()))
    assert sent == (
        b"POST /hook?a=b HTTP/1.1\r\nHost: example.com\r\nX-B: 1\r\nX-A: two words\r\n"
        b"Accept-Encoding: identity\r\nContent-Length: 4\r\n\r\n{\xc3\xa9}"
    )


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_method_that_carries_content_says_so_when_there_is_none(method: str) -> None:
    assert b"\r\nContent-Length: 0\r\n\r\n" in render(request(method))


@pytest.mark.parametrize("method", ["GET", "DELETE", "HEAD"])
def test_a_method_without_content_does_not_frame_any(method: str) -> None:
    assert b"Content-Length" not in render(request(method))


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_body_is_framed_whatever_the_method(method: str) -> None:
    assert render(request(method, body=b"x")).endswith(b"\r\nContent-Length: 1\r\n\r\nx")


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("http://example.com:8080/", b"example.com:8080"),
        ("https://example.com:443/", b"example.com"),
        ("http://[2606:4700::1]:81/", b"[2606:4700::1]:81"),
        ("http://MÜNCHEN.example/", b"xn--mnchen-3ya.example"),
    ],
)
def test_the_host_header_is_the_urls_authority(target: str, host: bytes) -> None:
    assert b"\r\nHost: " + host + b"\r\n" in render(request(target=target))


@pytest.mark.parametrize(
    "headers",
    [
        (("X-A", "1\r\nX-B: 2"),),
        (("X-A\r\nX-B", "1"),),
        (("X-A", "1\n"),),
        (("X-A", "1\r"),),
        (("X-A", "1\0"),),
        (("X-A", "é"),),
    ],
)
def test_a_header_that_would_break_the_framing_is_not_rendered(headers: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(ValueError):
        render(request(headers=headers))


def test_a_method_with_a_line_break_is_not_rendered() -> None:
    with pytest.raises(ValueError):
        render(request("GET / HTTP/1.1\r\nX-A: 1\r\n\r\nGET"))


def test_line_breaks_in_the_body_are_the_bodys_own() -> None:
    assert render(request(body=b"a\r\nb\n\0")).endswith(b"\r\n\r\na\r\nb\n\0")
