"""The tokens of a session: what they look like and how they are checked. No database, no network.

An access token is a JWT of ten minutes, signed with HS256 and nothing else; only the API ever reads it. A
refresh token and a magic link's token are 256 random bits; the database knows only their SHA-256. A refresh
token's successor is derived from it, so that answering the same request twice needs no stored secret.
"""

import base64
import hashlib
import hmac
import secrets
from uuid import UUID

import jwt
import msgspec

from app.users.keys import Keys
from core import ids

ACCESS_SECONDS = 600

_ALGORITHM = "HS256"
_TYPE = "at+jwt"
# Every process of an installation must agree, and its key is its own, so the names are fixed.
_ISSUER = "noonmark"
_AUDIENCE = "noonmark-api"
_MAX_BYTES = 4096
_CLOCK_SLACK_SECONDS = 5
_CLAIMS = ["iss", "aud", "sub", "sid", "jti", "iat", "exp"]


class Access(msgspec.Struct, frozen=True):
    """What a valid access token says."""

    user_id: UUID
    session_id: UUID


def issue(keys: Keys, access: Access, *, now: float) -> str:
    """A signed access token."""
    claims = {
        "iss": _ISSUER,
        "aud": _AUDIENCE,
        "sub": str(access.user_id),
        "sid": str(access.session_id),
        "jti": str(ids.new()),
        "iat": int(now),
        "exp": int(now) + ACCESS_SECONDS,
    }
    return jwt.encode(claims, keys.access, algorithm=_ALGORITHM, headers={"typ": _TYPE})


def read(keys: Keys, token: str) -> Access | None:
    """What the token says, or None if it is not one of ours that is valid now."""
    if len(token) > _MAX_BYTES:
        return None
    try:
        decoded = jwt.decode_complete(
            token,
            keys.access,
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            issuer=_ISSUER,
            leeway=_CLOCK_SLACK_SECONDS,
            options={"require": _CLAIMS, "strict_aud": True},
        )
        claims = decoded["payload"]
        if decoded["header"].get("typ") != _TYPE:
            return None
        return Access(user_id=UUID(claims["sub"]), session_id=UUID(claims["sid"]))
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, RecursionError):
        # Whatever a stranger makes up, a token that cannot be read is simply not valid.
        return None


def fresh() -> str:
    """A new opaque token of 256 random bits."""
    return secrets.token_urlsafe(32)


def successor(keys: Keys, token: str) -> str:
    """The refresh token that follows this one: always the same, and no secret of ours needs keeping."""
    digest = hmac.digest(keys.refresh, token.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def hashed(token: str) -> bytes:
    """What the database keeps of an opaque token."""
    return hashlib.sha256(token.encode()).digest()
