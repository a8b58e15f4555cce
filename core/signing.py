"""Signing what we deliver, by Standard Webhooks (https://www.standardwebhooks.com).

A signature is HMAC-SHA256 over `id.timestamp.body`, the body being the very bytes that are sent. While a
secret rotates there is one signature for each valid secret, so a receiver may hold either. Signing happens
once per call to a target, on the hot path: hand in decoded keys there.

A secret must never show in an error, a log or a repr.
"""

import binascii
import hmac
import secrets as randomness
from collections.abc import Sequence

PREFIX = "whsec_"
MIN_BYTES, MAX_BYTES, DEFAULT_BYTES = 24, 64, 32


def new_secret(size: int = DEFAULT_BYTES) -> str:
    """A fresh secret of `size` random bytes, in the form users see."""
    if not MIN_BYTES <= size <= MAX_BYTES:
        raise ValueError(f"a signing secret has {MIN_BYTES} to {MAX_BYTES} bytes")
    return PREFIX + binascii.b2a_base64(randomness.token_bytes(size), newline=False).decode()


def key(secret: str) -> bytes:
    """The key behind a secret; ValueError, which never quotes it, if it is none."""
    if not secret.startswith(PREFIX):
        raise ValueError(f"a signing secret starts with {PREFIX}")
    try:
        decoded = binascii.a2b_base64(secret[len(PREFIX) :], strict_mode=True)
    except ValueError:
        raise ValueError(f"a signing secret is {PREFIX} and base64") from None
    if not MIN_BYTES <= len(decoded) <= MAX_BYTES:
        raise ValueError(f"a signing secret has {MIN_BYTES} to {MAX_BYTES} bytes")
    return decoded


def sign(secrets: Sequence[bytes | str], *, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`: one signature for each secret, in their order.

    `timestamp` is Unix time in seconds. A dot in the id would let two messages share one signed text.
    """
    if not secrets:
        raise ValueError("nothing to sign with")
    if "." in message_id:
        raise ValueError("a message id has no dot")
    content = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    return " ".join([_signature(secret, content) for secret in secrets])


def _signature(secret: bytes | str, content: bytes) -> str:
    digest = hmac.digest(key(secret) if isinstance(secret, str) else secret, content, "sha256")
    return "v1," + binascii.b2a_base64(digest, newline=False).decode()
