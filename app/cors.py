"""Which web pages may call the API from a browser: those of the configured origins, spelt exactly so.

Nothing is allowed by default. No answer allows credentials: a page sends its token in a header, and cookies
are for our own pages alone. An origin is compared as a whole, never by a pattern or an ending.
"""

from typing import Any

_ALLOWED = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_TAKEN = b"Authorization, Content-Type, Idempotency-Key, X-Request-ID, traceparent"
_SHOWN = b"Location, X-Request-ID, Idempotent-Replayed, Retry-After, " + (
    b"X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"
)
_VARY = (b"vary", b"Origin")

Headers = tuple[tuple[bytes, bytes], ...]


class Cors:
    """Knows the origins that are allowed."""

    def __init__(self, setting: str = "") -> None:
        self._origins = {part.strip().encode() for part in setting.split(",") if part.strip()}

    def headers(self, scope: Any) -> Headers:
        """What the answer to this request carries."""
        if not self._origins:
            return ()
        origin = self._origin(scope)
        if origin is None:
            return (_VARY,)
        return (_VARY, (b"access-control-allow-origin", origin), (b"access-control-expose-headers", _SHOWN))

    def preflight(self, scope: Any) -> Headers | None:
        """The answer's headers if this is a browser's question whether it may ask, and it may."""
        asks = any(name == b"access-control-request-method" for name, _ in scope["headers"])
        if scope["method"] != "OPTIONS" or not asks or self._origin(scope) is None:
            return None
        return (
            (b"access-control-allow-methods", _ALLOWED),
            (b"access-control-allow-headers", _TAKEN),
            (b"access-control-max-age", b"600"),
        )

    def _origin(self, scope: Any) -> bytes | None:
        given: list[bytes] = [value for name, value in scope["headers"] if name == b"origin"]
        return given[0] if len(given) == 1 and given[0] in self._origins else None
