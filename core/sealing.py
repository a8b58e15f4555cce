"""Secrets at rest: sealed with AES-256-GCM under a master key that can be changed without downtime.

A sealed value is bound to its context (which tenant, table, row and column it belongs to), so a ciphertext
that is moved to another place does not open. The first master key seals; every configured key opens.

    1 byte version | 1 byte length of key id | key id | 12 bytes nonce | ciphertext and tag

Everything before the nonce is authenticated together with the context. Key material must never show: not in
an error, not in a repr. Nonces are random, which is safe for 2**32 values under one key.
"""

import binascii
import hmac
import re
import secrets
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32

_VERSION = 1
_NONCE_BYTES = 12
_TAG_BYTES = 16
_KEY_ID = re.compile(r"[a-z0-9]{1,16}")


class SealBroken(Exception):
    """A sealed value does not open here: changed, moved, or sealed under a key that is not configured."""


class Keyring:
    """The master keys, and what they do."""

    __slots__ = ("_ciphers", "_head", "_ids", "_marker", "_signers")

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """`keys` by id; the first one seals. ValueError names what is wrong, never the key."""
        if not keys:
            raise ValueError("no master key is given")
        for position, (key_id, key) in enumerate(keys.items(), start=1):
            _check(position, key_id, key)
        self._ids = tuple(keys)
        self._head = bytes([_VERSION, len(self._ids[0])]) + self._ids[0].encode()
        # Not the key itself: what marks must not be what seals.
        self._marker = hmac.digest(keys[self._ids[0]], b"noonmark mark", "sha256")
        self._signers = {key_id: hmac.digest(key, b"noonmark sign", "sha256") for key_id, key in keys.items()}
        self._ciphers = {key_id.encode(): AESGCM(key) for key_id, key in keys.items()}

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self._ids)})"

    def seal(self, plain: bytes, *, context: str) -> bytes:
        """`context` is what the value belongs to; it is needed again to open, and is not stored."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        cipher = self._ciphers[self._ids[0].encode()]
        return self._head + nonce + cipher.encrypt(nonce, plain, self._head + context.encode())

    def open(self, sealed: bytes, *, context: str) -> bytes:
        """The plain value; SealBroken if it cannot be trusted."""
        if len(sealed) < 2 or sealed[0] != _VERSION:
            raise SealBroken("not a sealed value of a version we know")
        end = 2 + sealed[1]
        head, nonce, encrypted = sealed[:end], sealed[end : end + _NONCE_BYTES], sealed[end + _NONCE_BYTES :]
        if len(encrypted) < _TAG_BYTES:
            raise SealBroken("the sealed value is cut short")
        cipher = self._ciphers.get(head[2:])
        if cipher is None:
            raise SealBroken("sealed under a master key that is not configured")
        try:
            return cipher.decrypt(nonce, encrypted, head + context.encode())
        except InvalidTag:
            raise SealBroken("the sealed value was changed, or belongs elsewhere") from None

    def mark(self, plain: bytes, *, context: str) -> bytes:
        """32 bytes that tell equal values from others, as long as the first key stays, and nothing else."""
        return hmac.digest(self._marker, context.encode() + b"\0" + plain, "sha256")

    def signer(self, purpose: str, key_id: str | None = None) -> tuple[str, bytes] | None:
        """The key to sign with for a purpose, and its id; of an id, if it is configured, to verify with."""
        found = self._signers.get(self._ids[0] if key_id is None else key_id)
        if found is None:
            return None
        return key_id or self._ids[0], hmac.digest(found, purpose.encode(), "sha256")

    def is_current(self, sealed: bytes) -> bool:
        """Whether the key that seals today sealed this; if not, it wants to be opened and sealed anew."""
        return sealed.startswith(self._head)


def parse_keys(setting: str) -> Keyring:
    """The keyring a setting `id:base64,id:base64` describes; ValueError names the fault, never the key."""
    keys: dict[str, bytes] = {}
    for position, entry in enumerate(setting.split(","), start=1):
        key_id, colon, encoded = entry.strip().partition(":")
        if not colon:
            raise ValueError(f"master key {position} is not written id:base64")
        if key_id in keys:
            raise ValueError(f"master key {position} has the id of an earlier one")
        keys[key_id] = _decoded(position, encoded)
    return Keyring(keys)


def _decoded(position: int, encoded: str) -> bytes:
    try:
        return binascii.a2b_base64(encoded, strict_mode=True)
    except ValueError:
        raise ValueError(f"master key {position} is not valid base64") from None


def _check(position: int, key_id: str, key: bytes) -> None:
    if not _KEY_ID.fullmatch(key_id):
        # The id is not quoted: a key written in the wrong place would show.
        raise ValueError(f"the id of master key {position} is not 1 to 16 of a-z and 0-9")
    if len(key) != KEY_BYTES:
        raise ValueError(f"master key {position} ({key_id}) has {len(key)} bytes instead of {KEY_BYTES}")
