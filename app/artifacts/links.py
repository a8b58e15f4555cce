"""Links that open one file for one purpose until an instant, for whoever has them.

A link names the file by its id, which stands for its job, its name and its size for good; the signature binds
that id, the purpose and the instant. Nothing is stored, so a link cannot be taken back: it is short-lived,
and opens nothing of a file that was deleted.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from enum import StrEnum
from uuid import UUID

LONGEST_SECONDS = 86_400
UPLOAD_SECONDS = 900
"""To begin an upload, and again so long to finish it."""


class Purpose(StrEnum):
    """What a link opens a file for; also its method."""

    UPLOAD = "PUT"
    DOWNLOAD = "GET"


class Links:
    """Makes and checks them."""

    def __init__(self, key: bytes, *, origin: str) -> None:
        self._key = key
        self._origin = origin

    def make(self, purpose: Purpose, artifact: UUID, *, expires: int) -> str:
        """The link; `expires` is in epoch seconds by the database's clock."""
        signature = self._sign(purpose, artifact, expires)
        return f"{self._origin}/v1/artifacts/{artifact}/content?expires={expires}&signature={signature}"

    def is_ours(self, purpose: Purpose, artifact: UUID, expires: int, signature: str) -> bool:
        """Whether we made it; whether it still holds is the database's to say."""
        expected = self._sign(purpose, artifact, expires)
        return hmac.compare_digest(expected.encode(), signature.encode(errors="replace"))

    def _sign(self, purpose: Purpose, artifact: UUID, expires: int) -> str:
        message = f"{purpose}\n{artifact}\n{expires}".encode()
        return urlsafe_b64encode(hmac.digest(self._key, message, hashlib.sha256)).decode().rstrip("=")
