"""Static pages and what they load, each by its exact name.

Looking at a page changes nothing: a magic link is spent by the button on it, never by opening it.
"""

from functools import lru_cache
from pathlib import Path

from litestar import Response, Router, get

from app.principal import PUBLIC

_FOLDER = Path(__file__).parent
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)


@get("/", opt=PUBLIC, sync_to_thread=False)
def index() -> Response[bytes]:
    """What this is."""
    return _page("index.html", "text/html")


@get("/sign-in", opt=PUBLIC, sync_to_thread=False)
def sign_in() -> Response[bytes]:
    """Where a magic link leads."""
    return _page("sign-in.html", "text/html")


@get("/pages/sign-in.js", opt=PUBLIC, sync_to_thread=False)
def script() -> Response[bytes]:
    """What the sign-in page does."""
    return _page("sign-in.js", "text/javascript")


@get("/pages/style.css", opt=PUBLIC, sync_to_thread=False)
def style() -> Response[bytes]:
    """How pages look."""
    return _page("style.css", "text/css")


def _page(name: str, media_type: str) -> Response[bytes]:
    headers = {"Content-Security-Policy": _CSP}
    return Response(_content(name), media_type=media_type, headers=headers)


@lru_cache
def _content(name: str) -> bytes:
    return (_FOLDER / name).read_bytes()


def router() -> Router:
    """The pages' routes."""
    return Router("/", route_handlers=[index, sign_in, script, style], include_in_schema=False)
