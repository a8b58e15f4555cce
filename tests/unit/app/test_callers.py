"""Where a request comes from, and whom we believe."""

import pytest

from app import callers


def scope(peer: str | None, **headers: str) -> dict[str, object]:
    listed = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"client": (peer, 1) if peer else None, "headers": listed}


def seen(request: dict[str, object], trusted: int = 0) -> str:
    return callers.site(callers.address(request, trusted_proxies=trusted))


def test_without_trusted_proxies_only_the_peer_counts() -> None:
    assert seen(scope("192.0.2.1", x_forwarded_for="198.51.100.7")) == "192.0.2.1"


def test_a_trusted_proxys_entry_counts_and_what_a_stranger_wrote_before_it_does_not() -> None:
    request = scope("10.0.0.1", x_forwarded_for="6.6.6.6, 198.51.100.7")
    assert seen(request, trusted=1) == "198.51.100.7"


def test_two_trusted_proxies_count_from_the_right() -> None:
    request = scope("10.0.0.1", x_forwarded_for="6.6.6.6, 198.51.100.7, 10.0.0.2")
    assert seen(request, trusted=2) == "198.51.100.7"


@pytest.mark.parametrize("value", ["", "nonsense", "198.51.100.7:80", "unknown"])
def test_an_entry_that_is_no_address_falls_back_to_the_peer(value: str) -> None:
    assert seen(scope("10.0.0.1", x_forwarded_for=value), trusted=1) == "10.0.0.1"


def test_several_header_lines_are_one_list() -> None:
    request = scope("10.0.0.1")
    request["headers"] = [(b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-for", b"198.51.100.7")]
    assert seen(request, trusted=1) == "198.51.100.7"


def test_an_ipv6_customer_is_one_caller_whatever_address_it_takes() -> None:
    first, second = scope("2001:db8:1:2200::1"), scope("2001:db8:1:22ff:ffff::9")
    assert seen(first) == seen(second) == "2001:db8:1:2200::/56"
    assert seen(scope("2001:db8:1:2300::1")) != seen(first)


def test_a_mapped_address_is_the_ipv4_address() -> None:
    assert seen(scope("::ffff:192.0.2.1")) == "192.0.2.1"


def test_no_peer_is_a_caller_of_its_own() -> None:
    assert seen(scope(None)) == "None"


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "127.8.8.8", "[::1]:8080", "[::1]"]
)
def test_this_machine_is_local(host: str) -> None:
    assert callers.is_local(scope("127.0.0.1", host=host))


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "192.0.2.1",
        "",
    ],
)
def test_a_rebound_name_is_not_local(host: str) -> None:
    assert not callers.is_local(scope("127.0.0.1", host=host))


def test_another_machine_is_not_local_whatever_host_it_names() -> None:
    assert not callers.is_local(scope("192.0.2.1", host="localhost"))


def test_no_host_or_two_are_not_local() -> None:
    assert not callers.is_local(scope("127.0.0.1"))
    doubled = scope("127.0.0.1")
    doubled["headers"] = [(b"host", b"localhost"), (b"host", b"localhost")]
    assert not callers.is_local(doubled)


@pytest.mark.parametrize(
    "name", ["forwarded", "via", "x_forwarded_for", "x_forwarded_host", "x_forwarded_proto", "x_real_ip"]
)
def test_any_forwarding_header_tells_of_a_proxy(name: str) -> None:
    assert callers.is_forwarded(scope("127.0.0.1", **{name: "x"}))
    assert not callers.is_forwarded(scope("127.0.0.1", host="localhost"))
