"""From the bytes of a body to a checked struct, or to the list of everything that is wrong with them.

The way of a good body is one pass of msgspec. A bad one is read again, slowly, by `app.faults`. What
PostgreSQL could not store (NUL, integers beyond 64 bits) and what would exhaust a stack (deep nesting) is
refused here, so that no later layer needs to think of it.
"""

import re
from typing import Any, TypeVar

import msgspec

from app import faults
from app.errors import Rejected
from core.errors import Fault, Invalid

T = TypeVar("T")

MAX_DEPTH = 64

_OUTSIDE = bytes(set(range(256)) - set(b'[]{}"'))
_BRACES = bytes.maketrans(b"{}", b"[]")
_ESCAPE = re.compile(rb"\\.", re.DOTALL)
# What may hide a value we refuse; only then is the body looked through. A regular expression alone would take
# twenty times as long as the decoding itself.
_SUSPECT = re.compile(rb"\\u0000|\\u[dD][89a-fA-F]")
_ALIKE = bytes.maketrans(b"123456789", b"000000000")
_MANY_DIGITS = b"0" * 19

_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def decode(raw: bytes, kind: type[T]) -> T:
    """The body as `kind`. Raises Rejected (400) if it is no JSON we read, Invalid with every fault."""
    if _is_deep(raw):
        raise _malformed(f"the body is nested more than {MAX_DEPTH} levels deep")
    if not raw.isascii():
        _require_utf8(raw)
    try:
        value: T = _decoder(kind).decode(raw)
        suspects = faults.unstorable(msgspec.json.decode(raw)) if _is_suspect(raw) else []
    except msgspec.ValidationError as error:
        raise Invalid(_listed(raw, kind, error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _malformed("the body is not valid JSON") from None
    if suspects:
        raise Invalid(suspects)
    return value


def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return _decoders.get(kind) or _decoders.setdefault(kind, msgspec.json.Decoder(kind))


def _listed(raw: bytes, kind: Any, first: msgspec.ValidationError) -> list[Fault]:
    """Every fault of a body that is at least JSON."""
    try:
        value = msgspec.json.decode(raw)
    except msgspec.ValidationError:
        return [Fault(code="out_of_range", message="a number is out of range", pointer="")]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _malformed("the body is not valid JSON") from None
    return faults.listed(value, kind, first, exhaustive=len(raw) <= faults.MAX_BYTES)


def _require_utf8(raw: bytes) -> None:
    try:
        raw.decode()
    except UnicodeDecodeError:
        raise _malformed("the body is not valid UTF-8") from None


def _is_suspect(raw: bytes) -> bool:
    escaped = b"\\u" in raw and _SUSPECT.search(raw) is not None
    return escaped or _MANY_DIGITS in raw.translate(_ALIKE)


def _is_deep(raw: bytes) -> bool:
    """Whether brackets nest beyond the limit, found without a stack: each round takes off the leaves."""
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return False
    unescaped = _ESCAPE.sub(b"", raw) if b"\\" in raw else raw
    outside_strings = b"".join(unescaped.translate(_BRACES, _OUTSIDE).split(b'"')[::2])
    for _ in range(MAX_DEPTH):
        outside_strings = outside_strings.replace(b"[]", b"")
    return b"[" in outside_strings


def _malformed(message: str) -> Rejected:
    return Rejected(400, "malformed_json", f"{message[0].upper()}{message[1:]}.")
