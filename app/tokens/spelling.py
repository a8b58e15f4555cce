"""How an API token is spelt:

    nm_ 8 characters to know it by _ 43 secret ones, 6 of a checksum

The secret holds 256 random bits, so a plain hash of the whole is all the database needs. The checksum lets a
typo, or something that only looks like a token, be refused without a query; it proves nothing. The fixed
form lets scanners of source code find one that leaked.
"""

import hashlib
import re
import secrets
import string
import zlib

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_NAME = 8
_SECRET = 43
_CHECKSUM = 6
_FORM = re.compile(rf"nm_[0-9A-Za-z]{{{_NAME}}}_[0-9A-Za-z]{{{_SECRET + _CHECKSUM}}}")


def fresh() -> str:
    """A new token."""
    unchecked = f"nm_{_random(_NAME)}_{_random(_SECRET)}"
    return unchecked + _checksum(unchecked)


def prefix(token: str) -> str:
    """The part that may be shown."""
    return token[: 3 + _NAME]


def is_token(text: str) -> bool:
    """Whether this could be one of ours."""
    return bool(_FORM.fullmatch(text)) and text[-_CHECKSUM:] == _checksum(text[:-_CHECKSUM])


def hashed(token: str) -> bytes:
    """What the database keeps."""
    return hashlib.sha256(token.encode()).digest()


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _checksum(text: str) -> str:
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(_CHECKSUM):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
