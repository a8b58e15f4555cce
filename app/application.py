"""Building the application from what it is given; `__main__` and the tests build it the same way.

Nothing is opened here. A handler asks for what it needs by parameter name, as `NamedDependency[…]`:
`principal` and `request_id` of this request, and everything in `_injected`. Litestar gives each of several
dependencies a task of its own, so the busiest routes ask for one.

Making the routes is the slow part: a tenth of a second. Telling them what is behind them takes nothing.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec
from litestar import Litestar, Request, Response
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, Receive, Scope, Send

from app import errors, openapi, routers
from app.artifacts.links import Links
from app.artifacts.service import Uploads
from app.callbacks.pace import Pace
from app.cors import Cors
from app.edge import Edge
from app.health.departure import Departure
from app.hints import Hints
from app.jobs.service import Jobs
from app.limits.gate import Gate
from app.logs.following import Streams
from app.principal import Principal, asking, speaking
from app.request import JsonRequest
from app.users import keys
from app.users.cookies import RefreshCookie
from app.users.guard import Guard
from app.users.keys import Keys
from app.users.service import SignIn
from app.users.store import Limits
from app.videos.service import Videos
from core.callbacks import Pass
from core.db import Database
from core.egress.guard import parse_egress
from core.sealing import Keyring
from core.settings import Settings
from core.storage.service import open_storage
from core.tracing.tracer import Tracer

_MIB = 1024 * 1024
MAX_BODY = 2 * _MIB

_LIMITS = Limits(caller=20, address=5)
# Everybody on a developer's machine is the same caller.
_DEVELOPMENT_LIMITS = Limits(caller=200, address=5)


class Routes:
    """Every route, with nothing behind it until `wire`; after that it answers for who wired it last."""

    def __init__(self, *, development: bool = False, config: OpenAPIConfig | None = None) -> None:
        self._given: dict[str, Any] = {}
        listed = routers.ALWAYS + routers.DEVELOPMENT if development else routers.ALWAYS
        self.app = Litestar(
            route_handlers=[router() for router in listed],
            middleware=[self._guarded],
            dependencies=_dependencies(self._given),
            before_request=_options,
            exception_handlers=errors.HANDLERS,
            request_class=JsonRequest,
            request_max_body_size=MAX_BODY,
            openapi_config=config,
            logging_config=None,
            debug=False,
        )
        self.app.state.openapi = describe

    def wire(self, given: Mapping[str, Any], guard: Guard) -> Litestar:
        """The application in which handlers are given this, behind this guard."""
        self._given.clear()
        self._given.update(given, guard=guard)
        return self.app

    def _guarded(self, app: ASGIApp) -> ASGIApp:
        """A route behind the guard. Without one nothing passes, because there is none to ask."""
        given = self._given

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            await given["guard"].check(scope)
            await app(scope, receive, send)

        return guarded


def build(
    settings: Settings,
    database: Database,
    keyring: Keyring,
    hints: Hints | None = None,
    streams: Streams | None = None,
    tracer: Tracer | None = None,
    departure: Departure | None = None,
    routes: Routes | None = None,
) -> Edge:
    """The ASGI application; `settings` has everything the API needs.

    Who gave `hints` runs their loop, who gave `streams` closes them, and who gave `routes` has no other use
    for them.
    """
    derived = keys.derive(settings.jwt_secret or "")
    given = _injected(settings, database, keyring, derived)
    given["hints"] = hints = hints or Hints(database)
    given["streams"] = Streams() if streams is None else streams
    given["departure"] = departure or Departure()
    given["making"] = Jobs(database, keyring, egress=parse_egress(settings.egress_allow), hints=hints)
    given["videos"] = Videos(
        database, given["storage"], given["making"], quota=settings.artifact_quota_mb * _MIB
    )
    guard = Guard(Gate(database), derived, keyring, operator_secret=settings.admin_secret)
    inner = (routes or Routes(development=settings.development)).wire(given, guard)
    https = (settings.public_url or "").startswith("https://")
    return Edge(inner, https=https, cors=Cors(settings.cors_origins), tracer=tracer)


@cache
def describe() -> bytes:
    """The OpenAPI document as JSON; needs no database and no settings. Made once: it takes half a second."""
    # Sorted, because the framework collects parts of it in sets: the same routes give the same bytes.
    return msgspec.json.encode(openapi.document(skeleton(openapi.config())), order="sorted")


def skeleton(config: OpenAPIConfig | None = None) -> Litestar:
    """The routes alone, with nothing behind them: to be looked at, never to be served."""
    return Routes(config=config).app


_NAMES = (
    "database", "keyring", "settings", "sign_in", "cookie", "hints", "streams", "departure", "making",
    "storage", "links", "uploads", "videos", "pace",
)  # fmt: skip


def _injected(settings: Settings, database: Database, keyring: Keyring, derived: Keys) -> dict[str, Any]:
    origin = settings.public_url or ""
    limits = _DEVELOPMENT_LIMITS if settings.development else _LIMITS
    storage = open_storage(settings)
    return {
        "storage": storage,
        "links": Links(derived.links, origin=origin),
        "uploads": Uploads(
            database, storage, largest=settings.artifact_mb * _MIB, quota=settings.artifact_quota_mb * _MIB
        ),
        "database": database,
        "keyring": keyring,
        "pace": Pace(),
        "settings": settings,
        "sign_in": SignIn(database, keyring, derived, origin=origin, limits=limits),
        "cookie": RefreshCookie(origin=origin, secure=not settings.development),
    }


async def _options(request: Request[Any, Any, Any]) -> Response[None] | None:
    """Answers OPTIONS. Litestar's own answer knows only the first of several handlers on one path."""
    if request.method != "OPTIONS":
        return None
    [route] = [
        each
        for each in request.app.routes
        if isinstance(each, HTTPRoute) and each.path_format == request.scope["path_template"]
    ]
    return Response(None, status_code=204, headers={"Allow": ", ".join(sorted(route.methods))})


def _dependencies(given: dict[str, Any]) -> dict[str, Provide]:
    providers: dict[str, Any] = {name: _giving(given, name) for name in _NAMES}
    providers["principal"] = _principal
    providers["speaking"] = _speaking
    providers["request_id"] = _request_id
    return {name: Provide(provider, sync_to_thread=False) for name, provider in providers.items()}


def _giving(given: dict[str, Any], name: str) -> Any:
    def give() -> Any:
        return given[name]

    return give


def _principal(request: Request[Any, Any, Any]) -> Principal:
    return asking(request.scope)


def _speaking(request: Request[Any, Any, Any]) -> Pass:
    return speaking(request.scope)


def _request_id(request: Request[Any, Any, Any]) -> str:
    return errors.request_id(request)
