"""Signing what we deliver, by Standard Webhooks (https://www.standardwebhooks.com).

A signature is HMAC-SHA256 over `id.timestamp.body`, the body being the very bytes that are sent. While a
secret rotates there is one signature for each valid secret, so a receiver may hold either. Signing happens
once per call to a target, on the hot path: a signer has hashed its key already, and is copied for each text.

A secret must never show in an error, a log or a repr.
"""

import binascii
import secrets as randomness
from collections.abc import Sequence

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

Signer = HMAC
"""Never finalised itself."""

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


def signer(secret: str) -> Signer:
    """What signs with a secret; ValueError, which never quotes it, if it is none."""
    return HMAC(key(secret), SHA256())


def sign(signers: Sequence[Signer], *, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`: one signature of each signer, in their order.

    `timestamp` is Unix time in seconds. A dot in the id would let two messages share one signed text.
    """
    if not signers:
        raise ValueError("nothing to sign with")
    if "." in message_id:
        raise ValueError("a message id has no dot")
    content = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    return " ".join([_signature(one, content) for one in signers])


def _signature(signer: Signer, content: bytes) -> str:
    context = signer.copy()
    context.update(content)
    return "v1," + binascii.b2a_base64(context.finalize(), newline=False).decode()
