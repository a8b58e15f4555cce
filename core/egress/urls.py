"""The one URL parser, for the moment a job is created and the moment it is sent.

Two parsers that disagree about where a URL points are the oldest way around a guard, so everything that
reads a target's host reads it from a `Url`. Hosts come out canonical: lower-case A-labels without a trailing
dot, or an address in its usual spelling. Whatever looks like an address and is not a plain one is refused
(`127.1`, `2130706433`, `0x7f.1`, full-width digits): the C library would dial it.

It never resolves, and never refuses a name for what it is called.
"""

import re
from enum import StrEnum
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import quote

import idna
from msgspec import Struct

MAX_URL = 2048

_DEFAULT_PORTS = {"http": 80, "https": 443}

# Mail servers read whatever a POST's body says as commands.
_MAIL_PORTS = frozenset({25, 465, 587})

_UNPRINTABLE = re.compile(r"[\s\x00-\x20\x7f-\x9f\ud800-\udfff]")
_PARTS = re.compile(r"([^/?#]*)([^#]*)")
_BRACKETED = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::(.*))?")
_PORT = re.compile(r"[0-9]{1,5}")
_LABEL = re.compile(r"(?!_+$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_VISIBLE_ASCII = "".join(map(chr, range(0x21, 0x7F)))


class RefusalCode(StrEnum):
    """Why a URL cannot be a target."""

    TOO_LONG = "url_too_long"
    CHARACTERS = "url_characters"
    SCHEME = "url_scheme"
    USERINFO = "url_userinfo"
    HOST = "url_host"
    PORT = "url_port"
    DESTINATION = "destination_refused"


class Refusal(Struct, frozen=True):
    """A URL refused."""

    code: RefusalCode

    message: str
    """A sentence for the user."""


class Url(Struct, frozen=True):
    """A target's URL, taken apart."""

    scheme: str
    """`http` or `https`."""

    host: str
    """Canonical: a lower-case ASCII name without a trailing dot, or an address without brackets."""

    port: int

    authority: str
    """What the `Host` header says: brackets around IPv6, the port only where it is not the scheme's own."""

    target: str
    """Path and query as they go on the wire, ASCII; never empty."""

    literal: bool
    """Whether the host is an address."""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


@lru_cache(maxsize=1024)
def parse_url(text: str) -> Url | Refusal:
    """The parts of an absolute URL, or the first thing wrong with it. A fragment is dropped, never sent."""
    if len(text) > MAX_URL:
        return Refusal(RefusalCode.TOO_LONG, f"The URL is longer than {MAX_URL:,} characters.")
    if _UNPRINTABLE.search(text):
        return Refusal(RefusalCode.CHARACTERS, "The URL holds a space or a control character; encode it.")
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in _DEFAULT_PORTS:
        return Refusal(RefusalCode.SCHEME, "The URL must start with http:// or https://.")
    parts = _PARTS.match(rest)
    authority, target = parts.groups() if parts else ("", "")
    if "@" in authority:
        return Refusal(RefusalCode.USERINFO, "The URL must not hold a user name or password; use a header.")
    found = _parse_authority(authority, _DEFAULT_PORTS[scheme])
    if isinstance(found, Refusal):
        return found
    host, port = found
    shown = f"[{host}]" if ":" in host else host
    return Url(
        scheme=scheme,
        host=host,
        port=port,
        authority=shown if port == _DEFAULT_PORTS[scheme] else f"{shown}:{port}",
        target=_wire_target(target),
        literal=":" in host or host.rpartition(".")[2].isdigit(),
    )


def _wire_target(target: str) -> str:
    """Visible ASCII stays as it was given, to the byte; anything else is percent-encoded UTF-8."""
    if not target.startswith("/"):
        target = f"/{target}"
    return target if target.isascii() else quote(target, safe=_VISIBLE_ASCII)


def _parse_authority(authority: str, default_port: int) -> tuple[str, int] | Refusal:
    host: str | Refusal
    if authority.startswith("["):
        match = _BRACKETED.fullmatch(authority)
        host = _parse_ipv6(match[1] if match else "")
        port = (match[2] if match else None) or ""
    else:
        name, _, port = authority.partition(":")
        host = _parse_host(name)
    if isinstance(host, Refusal):
        return host
    return (host, default_port) if not port else _with_port(host, port)


def _with_port(host: str, port: str) -> tuple[str, int] | Refusal:
    number = int(port) if _PORT.fullmatch(port) else 0
    if not 0 < number < 65536:
        return Refusal(RefusalCode.PORT, "The URL's port must be a number from 1 to 65535.")
    if number in _MAIL_PORTS:
        return Refusal(RefusalCode.PORT, "The URL's port belongs to mail servers.")
    return host, number


def _parse_ipv6(text: str) -> str | Refusal:
    try:
        return IPv6Address(text).compressed
    except AddressValueError:
        return _bad_host("is not an IPv6 address without a zone")


def _parse_host(text: str) -> str | Refusal:
    """A canonical name or IPv4 address."""
    if not text:
        return _bad_host("is missing")
    host = text.lower()
    if not host.isascii() or "xn--" in host:
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except UnicodeError:
            return _bad_host("is not a valid internationalised name")
    host = host.removesuffix(".")
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _parse_ipv4(host) if text.isascii() else _bad_host("spells an address in other digits")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        return _bad_host("is not a valid name")
    return host


def _parse_ipv4(text: str) -> str | Refusal:
    """Four plain decimal numbers; not the shorter, octal and hexadecimal spellings that C libraries take."""
    try:
        return str(IPv4Address(text))
    except AddressValueError:
        return _bad_host("is not an IPv4 address of four plain decimal numbers")


def _bad_host(what: str) -> Refusal:
    return Refusal(RefusalCode.HOST, f"The URL's host {what}.")
