"""The address filter, range by range, at both ends and just outside."""

import pytest

from core.egress.addresses import is_public, parse_address

NOT_PUBLIC = [
    # this network, private, shared, loopback, link-local
    "0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.100.100.200",
    "100.127.255.255", "127.0.0.1", "127.255.255.255", "169.254.0.0", "169.254.169.254", "169.254.170.2",
    "169.254.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255",
    # assignments, documentation, benchmarking, AS112, relays
    "192.0.0.0", "192.0.0.8", "192.0.0.170", "192.0.0.192", "192.0.2.1", "192.31.196.1", "192.52.193.1",
    "192.88.99.1", "192.175.48.1", "198.18.0.0", "198.19.255.255", "198.51.100.1", "203.0.113.1",
    # multicast, reserved, broadcast, cloud platform
    "224.0.0.1", "233.252.0.1", "239.255.255.255", "240.0.0.0", "255.255.255.255", "168.63.129.16",
    # IPv6: unspecified, loopback, wrapped IPv4
    "::", "::1", "::127.0.0.1", "::7f00:1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "::ffff:100.64.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "64:ff9b::808:808", "64:ff9b:1::1", "2002:7f00:1::", "2002:808:808::1",
    "2001::1", "2001:0:7f00:1::",
    # IPv6: assignments, documentation, discard, local, multicast, what is not allocated
    "100::1", "100:0:0:1::1", "2001:2::1", "2001:3::1", "2001:10::1", "2001:20::1", "2001:30::1",
    "2001:1ff:ffff::1", "2001:db8::1", "2620:4f:8000::1", "3fff::1", "3fff:fff:ffff::1", "4000::1",
    "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "ff0e::1", "1fff:ffff::1",
]  # fmt: skip

PUBLIC = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
    "128.0.0.0", "168.63.129.15", "168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255",
    "172.32.0.0", "192.0.1.0", "192.0.3.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
    "223.255.255.255", "::ffff:8.8.8.8", "2000::1", "2001:200::1", "2001:4860:4860::8888",
    "2001:db7:ffff::1", "2001:db9::1", "2003::1", "2606:4700:4700::1111", "2620:4f:7fff::1",
    "2620:4f:8001::1", "2a00:1450::1", "3ffe:ffff::1", "3fff:1000::1",
]  # fmt: skip

NO_ADDRESS = [
    "", " ", "localhost", "example.com", "127.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "017700000001",
    "0177.0.0.1", "127.0.0.01", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.4/32", " 1.2.3.4", "1.2.3.4\n",
    "１２７.0.0.1", "127。0。0。1", "[::1]", "::1%lo", "fe80::1%eth0", "2001:4860::1%1", "::g", "1::2::3",
]  # fmt: skip


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_an_address_out_of_public_reach_is_not_public(text: str) -> None:
    address = parse_address(text)
    assert address is not None and not is_public(address)


@pytest.mark.parametrize("text", PUBLIC)
def test_an_address_of_the_internet_is_public(text: str) -> None:
    address = parse_address(text)
    assert address is not None and is_public(address)


@pytest.mark.parametrize("text", NO_ADDRESS)
def test_what_is_not_spelt_as_one_plain_address_is_none(text: str) -> None:
    assert parse_address(text) is None


def test_a_mapped_address_is_the_ipv4_address_it_carries() -> None:
    assert parse_address("::ffff:8.8.8.8") == parse_address("8.8.8.8")
