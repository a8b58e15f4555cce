"""Keys derived from the one configured secret, a different one for each purpose (HKDF, RFC 5869).

So a token made for one purpose can never pass for another, whatever its form.
"""

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Keys(msgspec.Struct, frozen=True):
    """One key of 32 bytes for each purpose."""

    access: bytes
    """Signs access tokens."""
    refresh: bytes
    """Derives a refresh token's successor."""
    links: bytes
    """Signs links that open one file."""

    def __repr__(self) -> str:
        return "Keys(…)"


def derive(secret: str) -> Keys:
    """The keys of this installation; the same secret gives the same keys in every process."""
    return Keys(
        access=_key(secret, "access token"),
        refresh=_key(secret, "refresh token successor"),
        links=_key(secret, "link to a file"),
    )


def _key(secret: str, purpose: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=f"noonmark 1 {purpose}".encode()).derive(secret.encode())
