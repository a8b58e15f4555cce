"""Idempotency keys: what one may look like, and when two requests are the same request.

Two bodies are the same if they say the same: order of members and spaces do not count, the spelling of a
number does.
"""

import hashlib
import re

import msgspec

from core.errors import Fault, Invalid

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"

_KEY = re.compile(r"[!-~]{1,255}")
# NUL is refused in bodies, so that no text can be taken for a number.
_reading = msgspec.json.Decoder(float_hook=lambda digits: f"\0{digits}")
_writing = msgspec.json.Encoder(order="sorted")


class Key(msgspec.Struct, frozen=True):
    """A key with what it is used for."""

    scope: str
    """The route."""
    text: str
    request_hash: bytes


def key(given: str | None, *, scope: str, about: str = "", raw: bytes) -> Key | None:
    """The key of a request with this body, if it has one; ``about`` is what else identifies the request.

    Raises Invalid if it is no key.
    """
    if given is None:
        return None
    if not _KEY.fullmatch(given):
        message = "must have 1 to 255 visible ASCII characters"
        raise Invalid([Fault("wrong_format", message, parameter=HEADER)])
    canonical = _writing.encode([about, _reading.decode(raw or b"null")])
    return Key(scope, given, hashlib.sha256(canonical).digest())


def reused() -> Invalid:
    """The refusal of a key that was used for another request."""
    fault = Fault("idempotency_key_reused", "was used for another request", parameter=HEADER)
    return Invalid([fault], code="idempotency_key_reused")
