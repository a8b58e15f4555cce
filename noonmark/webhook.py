"""Checking, in a receiver, that a delivery really comes from your Noonmark and is fresh.

The signatures are Standard Webhooks' (https://www.standardwebhooks.com): HMAC-SHA256 over
`id.timestamp.body`. Verify the raw bytes as they arrived; parsing and writing JSON again changes them. Only
the standard library is needed, so this file may be copied into a receiver.

The attempt number is not part of the signed text. Use it to ignore an older attempt that arrives late, not to
decide whom to trust.
"""

import binascii
import hmac
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

TOLERANCE_SECONDS = 300

_PREFIX = "whsec_"
# Printable and without a dot: a dot would let a part of the body pass as the timestamp.
_ID = re.compile(r"[!-\-/-~]{1,255}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_ATTEMPT = re.compile(r"[1-9][0-9]{0,8}")


class InvalidSignature(Exception):
    """This request must not be trusted; answer 401 and do nothing."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Delivery:
    """A verified request."""

    id: str
    """The job's id: the same for every delivery of a job, so remember it to do the work only once."""

    timestamp: int
    """When this attempt was signed, in seconds of Unix time."""

    attempt: int
    """The number of this attempt, rising from 1 within a job."""

    body: bytes
    """What was signed, byte for byte."""


def verify(
    secret: str | Sequence[str],
    headers: Mapping[str, str],
    body: bytes,
    *,
    tolerance_seconds: float = TOLERANCE_SECONDS,
    now: float | None = None,
) -> Delivery:
    """The delivery, if one of the secrets signed it lately; InvalidSignature if not.

    Hand in several secrets while one is being replaced. A secret that is none is a mistake of the receiver's
    own, and therefore a ValueError.
    """
    if not isinstance(body, bytes):
        raise TypeError("verify needs the raw body as bytes, before anything parsed it")
    keys = [_key(each) for each in ([secret] if isinstance(secret, str) else secret)]
    if not keys:
        raise ValueError("verify needs at least one secret")
    message_id = _header(headers, "webhook-id", _ID)
    timestamp = _header(headers, "webhook-timestamp", _TIMESTAMP)
    attempt = _header(headers, "x-noonmark-attempt", _ATTEMPT, default="1")
    signatures = _header(headers, "webhook-signature")
    _check_age(int(timestamp), tolerance_seconds, time.time() if now is None else now)
    content = f"{message_id}.{timestamp}.".encode() + body
    if not _matches(signatures, [hmac.digest(key, content, "sha256") for key in keys]):
        raise InvalidSignature("no signature matches")
    return Delivery(message_id, int(timestamp), int(attempt), body)


def _key(secret: str) -> bytes:
    encoded = secret.removeprefix(_PREFIX)
    try:
        key = binascii.a2b_base64(encoded + "=" * (-len(encoded) % 4), strict_mode=True)
    except ValueError:
        key = b""
    if not key:
        raise ValueError("a signing secret is whsec_ and base64")
    return key


def _header(
    headers: Mapping[str, str], name: str, form: re.Pattern[str] | None = None, default: str | None = None
) -> str:
    """The one value of a header; repeated ones are refused, since only one of them may be what was signed."""
    values = [value for key, value in headers.items() if key.lower() == name]
    if not values and default is not None:
        return default
    if not values:
        raise InvalidSignature(f"{name} is missing")
    if len(values) > 1:
        raise InvalidSignature(f"{name} is repeated")
    if form is not None and not form.fullmatch(values[0]):
        raise InvalidSignature(f"{name} is malformed")
    return values[0]


def _check_age(timestamp: int, tolerance_seconds: float, now: float) -> None:
    if timestamp < now - tolerance_seconds:
        raise InvalidSignature("webhook-timestamp is too old")
    if timestamp > now + tolerance_seconds:
        raise InvalidSignature("webhook-timestamp is in the future")


def _matches(signatures: str, digests: Sequence[bytes]) -> bool:
    """Whether any `v1` signature is one of the digests; other versions are left to newer receivers."""
    expected = [binascii.b2a_base64(digest, newline=False) for digest in digests]
    given = [
        # What is not ASCII is no base64 either, and compare_digest would not take it.
        value.encode("ascii", "replace")
        for version, _, value in (each.partition(",") for each in signatures.split(" "))
        if version == "v1"
    ]
    return any(hmac.compare_digest(one, other) for one in expected for other in given)
