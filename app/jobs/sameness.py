"""When two jobs are the same: by the key that was given, or by the request that they make.

Two requests are the same if method, URL, headers and body are. Names of headers are compared without case,
and JSON bodies by what they say: order of members, spaces, escapes and the spelling of a number (`1`, `1.0`,
`10e-1`) do not count, as in RFC 8785, but no number is rounded. When a job fires, its labels and its policies
do not count.

Only hashes are kept. Values of secret headers go through one with a secret key first, so that nobody who
reads the database can try values.

Pure.
"""

import hashlib
from decimal import Decimal, InvalidOperation
from uuid import UUID

import msgspec

from app.jobs.composing import Aim
from app.jobs.content import Content
from app.jobs.uniqueness import OnConflict, Unique
from core.jobs.model import BodyKind, TargetType
from core.sealing import Keyring

_INTEGERS = range(-(2**63), 2**63)
_LONGEST = len(str(2**63))


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What a job is unique by, as it is stored with it."""

    key: str | None = None
    window_seconds: int | None = None
    on_conflict: OnConflict = OnConflict.REJECT
    hash: bytes
    """Of the key, or of the request."""


_rules = msgspec.json.Decoder(Rule)
_encoder = msgspec.json.Encoder()
_sorted = msgspec.json.Encoder(order="sorted")


def rule(asked: Unique, aim: Aim, body: Content, keyring: Keyring, tenant: UUID) -> Rule:
    """The rule of a new job."""
    if asked.key is not None:
        digest = hashlib.sha256(b"key\0" + asked.key.encode()).digest()
    else:
        digest = _digest(aim, body, keyring, tenant)
    return Rule(
        key=asked.key, window_seconds=asked.window_seconds, on_conflict=asked.on_conflict, hash=digest
    )


def written(rule: Rule) -> str:
    """A rule as it is stored."""
    return _encoder.encode(rule).decode()


def read(stored: str) -> Rule:
    """A rule that was stored."""
    return _rules.decode(stored)


def canonical(body: Content) -> bytes:
    """The same bytes for all bodies that say the same, and different ones for all others."""
    if body.kind is not BodyKind.JSON:
        return body.data
    return _sorted.encode(_reading.decode(body.data))


def _digest(aim: Aim, body: Content, keyring: Keyring, tenant: UUID) -> bytes:
    # Names of headers are the same in any case; names of variables are not.
    http = aim.type is TargetType.HTTP
    hidden = {name.lower() if http else name: value for name, value in aim.secret.items()}
    said = _sorted.encode(aim.said)
    marks = keyring.mark(_sorted.encode(hidden), context=f"unique {tenant}") if hidden else b""
    whole = hashlib.sha256(b"request\0")
    for part in (said, marks, canonical(body)):
        whole.update(len(part).to_bytes(8, "big") + part)
    return whole.digest()


def _number(digits: str) -> int | str:
    """A number by its value: whole as an integer, else exactly, as text that no body can hold (NUL)."""
    try:
        sign, figures, exponent = Decimal(digits).as_tuple()
    except InvalidOperation:
        return f"\0{digits}"
    assert isinstance(exponent, int)
    text = "".join(map(str, figures))
    significant = text.rstrip("0")
    exponent += len(text) - len(significant)
    if not significant:
        return 0
    minus = "-" if sign else ""
    if exponent >= 0 and len(significant) + exponent <= _LONGEST:
        whole = int(f"{minus}{significant}{'0' * exponent}")
        if whole in _INTEGERS:
            return whole
    return f"\0{minus}{significant}e{exponent}"


_reading = msgspec.json.Decoder(float_hook=_number)
