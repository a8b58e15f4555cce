"""Whatever a URL or an address looks like, the guard decides, and decides the same each time."""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

from hypothesis import example, given
from hypothesis import strategies as st

from core.egress.guard import Egress
from core.egress.headers import check_header
from core.egress.urls import MAX_URL, Url, parse_url

CLOSED = Egress()

hostish = st.text(alphabet="0123456789abcdefxXABCDEF.:[]%@\\/?#_-。．١①１ü \u200b", max_size=40)
urls = st.one_of(
    st.text(max_size=60),
    st.builds(
        "{}://{}{}".format, st.sampled_from(["http", "https", "HTTP", "ftp"]), hostish, st.text(max_size=20)
    ),
)
ipv4 = st.integers(min_value=0, max_value=2**32 - 1).map(IPv4Address)
ipv6 = st.integers(min_value=0, max_value=2**128 - 1).map(IPv6Address)


@given(urls)
@example("http://127.0.0.1./")
@example("http://[::ffff:127.0.0.1]/")
def test_any_text_is_a_canonical_url_or_a_refusal(text: str) -> None:
    url = parse_url(text)
    if not isinstance(url, Url):
        return
    assert url.host and url.host == url.host.lower() and url.host.isascii() and not url.host.endswith(".")
    assert not set(url.host) & set(" %@\\/?#\t\r\n\0")
    assert url.target.startswith("/") and url.target.isascii() and not set(url.target) & set(" #\r\n\0")
    assert 0 < url.port < 65536


@given(urls)
def test_a_canonical_url_is_parsed_to_itself(text: str) -> None:
    url = parse_url(text)
    if isinstance(url, Url) and len(str(url)) <= MAX_URL:
        assert parse_url(str(url)) == url


@given(hostish)
def test_what_the_c_library_takes_for_an_address_is_a_literal_or_refused(host: str) -> None:
    url = parse_url(f"http://{host}/")
    if not isinstance(url, Url) or url.literal:
        return
    try:
        socket.inet_aton(url.host)
    except OSError:
        return
    raise AssertionError(f"{url.host} would be dialled as an address")


@given(ipv4)
def test_a_mapped_address_is_judged_as_the_one_inside(address: IPv4Address) -> None:
    assert CLOSED.permits(f"::ffff:{address}") == CLOSED.permits(str(address))


@given(ipv4)
def test_no_other_wrapping_of_an_ipv4_address_is_permitted(address: IPv4Address) -> None:
    number = int(address)
    wrapped = [
        number,  # compatible
        0xFFFF << 48 | number,  # translated, ::ffff:0:a.b.c.d
        0x64FF9B << 96 | number,  # NAT64
        0x2002 << 112 | number << 80,  # 6to4
        0x20010000 << 96 | (number ^ 0xFFFFFFFF),  # Teredo
    ]
    assert not any(CLOSED.permits(str(IPv6Address(value))) for value in wrapped)


@given(st.one_of(ipv4, ipv6))
def test_what_python_knows_to_be_private_is_never_permitted(address: IPv4Address | IPv6Address) -> None:
    if CLOSED.permits(str(address)):
        inner = getattr(address, "ipv4_mapped", None) or address
        assert not (inner.is_private or inner.is_loopback or inner.is_link_local or inner.is_multicast)


@given(st.text(max_size=60))
def test_what_is_permitted_is_an_address(text: str) -> None:
    if CLOSED.permits(text):
        assert ip_address(text)


@given(st.text(max_size=12), st.text(max_size=20))
def test_a_header_that_passes_cannot_break_the_framing(name: str, value: str) -> None:
    if check_header(name, value) is None:
        line = f"{name}: {value}".encode("ascii")
        assert not set(line) & set(b"\r\n\0") and b":" not in name.encode()
