"""API tokens: credentials for programs."""

from collections.abc import Generator, Sequence
from datetime import datetime
from typing import Any

import httpx
import msgspec

from noonmark import calls
from noonmark.calls import Call, Id, Listing, Pause
from noonmark.errors import NotFound
from noonmark.model import FreshToken, Page, Token
from noonmark.options import instant

_token = msgspec.json.Decoder(FreshToken).decode
_tokens = msgspec.json.Decoder(Page[Token]).decode


def create(
    name: str, *, scopes: Sequence[str] = ("jobs:read", "jobs:write"), expires_at: datetime | None = None
) -> Call[FreshToken]:
    """A credential for a program. Shown this once, so a broken call is not repeated."""
    expiry = None if expires_at is None else instant("expires_at", expires_at)
    return calls.post("/v1/tokens", _token, {"name": name, "scopes": list(scopes), "expires_at": expiry})


def listed(*, limit: int | None = None, cursor: str | None = None) -> Listing[Token]:
    """All of them, newest first, without what they open."""
    return calls.get("/v1/tokens", _tokens, calls.paging(limit, cursor))


def revoke(token_id: Id) -> Generator[Call[Any] | Pause, httpx.Response, None]:
    """Have it refused from now on."""
    path = f"/v1/tokens/{calls.identity(token_id)}"
    try:
        yield from Call("DELETE", path, calls.nothing, safe=True)
    except NotFound as refused:
        # The try whose answer was lost may have been the one that revoked it.
        if not refused.repeated:
            raise
