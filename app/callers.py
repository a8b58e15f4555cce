"""Where a request comes from, believed no further than configured.

The peer's address is the truth. `X-Forwarded-For` counts only as far as our own proxies wrote it: with one
trusted proxy that is its last entry, with two the one before.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

_FORWARDING = {b"forwarded", b"via", b"x-real-ip", b"true-client-ip", b"cf-connecting-ip"}
_IPV6_SITE = 56


def address(scope: Any, *, trusted_proxies: int) -> IPv4Address | IPv6Address | None:
    """The caller's address, or None if there is none to be had (a Unix socket)."""
    if trusted_proxies:
        written = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
        entries = [entry.strip() for entry in written.decode("latin-1").split(",")]
        if len(entries) >= trusted_proxies and (found := _parsed(entries[-trusted_proxies])):
            return found
    client = scope.get("client")
    return _parsed(client[0]) if client else None


def site(caller: IPv4Address | IPv6Address | None) -> str:
    """What limits count as one caller: an IPv4 address, or the /56 that one IPv6 customer gets."""
    if isinstance(caller, IPv6Address):
        return str(ip_network((caller, _IPV6_SITE), strict=False))
    return str(caller)


def is_forwarded(scope: Any) -> bool:
    """Whether anything says that a proxy passed this request on."""
    return any(name in _FORWARDING or name.startswith(b"x-forwarded") for name, _ in scope["headers"])


def is_local(scope: Any) -> bool:
    """Whether peer and `Host` are both this very machine; a page elsewhere cannot fake the second."""
    peer = address(scope, trusted_proxies=0)
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    return peer is not None and peer.is_loopback and len(hosts) == 1 and _is_loopback_host(hosts[0])


def _is_loopback_host(host: str) -> bool:
    name = host[1 : host.find("]")] if host.startswith("[") else host.partition(":")[0]
    found = _parsed(name)
    return name.lower() == "localhost" or (found is not None and found.is_loopback)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        parsed = ip_address(text)
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return mapped or parsed
