"""The refresh token's cookie: out of scripts' reach, sent nowhere but to `/v1/auth`, never across sites."""

from typing import Any
from urllib.parse import urlsplit

from litestar import Request
from litestar.datastructures import Cookie

_NAME = "noonmark_refresh"
_PATH = "/v1/auth"
_SECONDS = 7 * 24 * 3600


class RefreshCookie:
    """Writes and reads it. `secure` is off only for plain HTTP in development."""

    def __init__(self, *, origin: str, secure: bool) -> None:
        self._origin = origin
        self._secure = secure
        self._name = f"__Secure-{_NAME}" if secure else _NAME

    def carrying(self, token: str) -> Cookie:
        """The cookie with a token."""
        return self._cookie(token, _SECONDS)

    def gone(self) -> Cookie:
        """The cookie that removes it."""
        return self._cookie("", 0)

    def read(self, request: Request[Any, Any, Any]) -> str | None:
        """The token, if our own page sent it: a second wall against other sites, behind SameSite."""
        site = request.headers.get("sec-fetch-site")
        origin = request.headers.get("origin")
        if site not in (None, "same-origin", "none"):
            return None
        if site is None and origin is not None and not self._is_ours(origin):
            return None
        return request.cookies.get(self._name) or None

    def _is_ours(self, origin: str) -> bool:
        ours = urlsplit(self._origin)
        return origin == f"{ours.scheme}://{ours.netloc}"

    def _cookie(self, value: str, seconds: int) -> Cookie:
        return Cookie(
            key=self._name,
            value=value,
            max_age=seconds,
            path=_PATH,
            secure=self._secure,
            httponly=True,
            samesite="strict",
        )
