"""The credential by which the code of an attempt can tell about itself over HTTP, and nothing else.

A JWT that names job, attempt and lease, and ends with the lease. Nothing of it is stored: schedulers issue it
and the API verifies it, both by a key derived from the master keys for this alone. It says what it is in its
header, its issuer and its audience, so that it passes for no other token of ours, and no other for it.
"""

import math
from uuid import UUID

import jwt
import msgspec

from core.sealing import Keyring

_ALGORITHM = "HS256"
_TYPE = "attempt+jwt"
_PURPOSE = "attempt token"
_ISSUER = "noonmark"
_AUDIENCE = "noonmark-attempt"
_MAX_BYTES = 2048
_CLOCK_SLACK_SECONDS = 5
_CLAIMS = ["iss", "aud", "sub", "attempt", "lease", "exp"]


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """Which attempt somebody speaks for."""

    job_id: UUID
    attempt: int
    lease_token: UUID


def issue(keyring: Keyring, of: Pass, *, expires_at: float) -> str:
    """A token of this attempt until an instant, in epoch seconds."""
    signer = keyring.signer(_PURPOSE)
    assert signer is not None
    key_id, key = signer
    claims = {
        "iss": _ISSUER,
        "aud": _AUDIENCE,
        "sub": str(of.job_id),
        "attempt": of.attempt,
        "lease": str(of.lease_token),
        "exp": math.ceil(expires_at),
    }
    return jwt.encode(claims, key, algorithm=_ALGORITHM, headers={"typ": _TYPE, "kid": key_id})


def read(keyring: Keyring, token: str) -> Pass | None:
    """Whom the token speaks for, or None if it is not one of ours that is valid now."""
    if len(token) > _MAX_BYTES:
        return None
    try:
        head = jwt.get_unverified_header(token)
        signer = keyring.signer(_PURPOSE, str(head.get("kid", "")))
        if signer is None or head.get("typ") != _TYPE:
            return None
        claims = jwt.decode(
            token,
            signer[1],
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            issuer=_ISSUER,
            leeway=_CLOCK_SLACK_SECONDS,
            options={"require": _CLAIMS, "strict_aud": True},
        )
        job, lease = UUID(claims["sub"]), UUID(claims["lease"])
        return Pass(job_id=job, attempt=int(claims["attempt"]), lease_token=lease)
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, RecursionError):
        # Whatever a stranger makes up, a token that cannot be read is simply not valid.
        return None
