"""What users may put on their requests."""

import pytest

from core.egress.headers import MAX_HEADER_BYTES, MAX_HEADERS, HeaderFault, check_header, check_headers


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Authorization", "Bearer abc.def-ghi"),
        ("Content-Type", "application/json; charset=utf-8"),
        ("X-A", "1"),
        ("x_under.score!#$%&'*+^`|~9", "v"),
        ("User-Agent", "me/1.0 (a b)"),
        ("X-Empty", ""),
        ("X-Tab", "a\tb"),
        ("Accept", "*/*"),
        ("X-Viable", "not via"),
        ("Hostname", "h"),
    ],
)
def test_an_ordinary_header_is_fine(name: str, value: str) -> None:
    assert check_header(name, value) is None


@pytest.mark.parametrize(
    "name",
    [
        "Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Upgrade", "TE",
        "Trailer", "Proxy-Authorization", "Proxy-Connection", "Expect", "HTTP2-Settings", "Via",
        "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Metadata", "Metadata-Flavor",
        "X-aws-ec2-metadata-token", "X-aws-ec2-metadata-token-ttl-seconds", "Cookie", "webhook-id",
        "webhook-timestamp", "Webhook-Signature", "webhook-anything", "X-Noonmark-Attempt",
        "Idempotency-Key", "X-Request-ID", "traceparent", "Accept-Encoding",
    ],
)  # fmt: skip
def test_framing_forwarding_and_our_own_headers_are_reserved(name: str) -> None:
    assert check_header(name, "x") is HeaderFault.RESERVED
    assert check_header(name.upper(), "x") is HeaderFault.RESERVED
    assert check_header(name.lower(), "x") is HeaderFault.RESERVED


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "X A",
        "X:",
        ":X",
        "X\r\nY",
        "X\0",
        "X-Ü",
        "(x)",
        "x/y",
        "x\n",
        "\tx",
        "Host ",
        "ｈost",
        "x\x7f",
    ],
)
def test_a_name_that_is_no_token_is_refused(name: str) -> None:
    assert check_header(name, "x") is HeaderFault.NAME


@pytest.mark.parametrize(
    "value",
    [
        "a\r\nX: y",
        "a\n",
        "\n",
        "a\r",
        "a\0b",
        " a",
        "a ",
        "\ta",
        "ü",
        "a\x7f",
        "a\x0b",
        "\u2028",
        "a\x85b",
        " ",
    ],
)
def test_a_value_that_is_not_visible_ascii_is_refused(value: str) -> None:
    assert check_header("X-A", value) is HeaderFault.VALUE


def test_every_fault_of_a_set_is_listed() -> None:
    faults = check_headers([("Host", "a"), ("X-A", "1"), ("x-a", "2"), ("b ad", "x"), ("X-B", "\n")])
    assert faults == [
        ("Host", HeaderFault.RESERVED),
        ("x-a", HeaderFault.REPEATED),
        ("b ad", HeaderFault.NAME),
        ("X-B", HeaderFault.VALUE),
    ]


def test_as_many_headers_as_the_limit_are_fine_and_no_more() -> None:
    headers = [(f"X-{number}", "") for number in range(MAX_HEADERS + 1)]
    assert check_headers(headers[:MAX_HEADERS]) == []
    assert check_headers(headers) == [(None, HeaderFault.TOO_MANY)]


def test_headers_may_take_as_many_bytes_as_the_limit_on_the_wire_and_no_more() -> None:
    value = "a" * (MAX_HEADER_BYTES - len("X-A: \r\n"))
    assert check_headers([("X-A", value)]) == []
    assert check_headers([("X-A", f"{value}a")]) == [(None, HeaderFault.TOO_LARGE)]


@pytest.mark.parametrize("fault", HeaderFault)
def test_every_fault_has_a_sentence(fault: HeaderFault) -> None:
    assert fault.message.endswith(".")
