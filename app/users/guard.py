"""The guard before every route: private unless the route says that it is public.

It runs after routing and before anything of the request is read, for every method, OPTIONS included. A
credential is taken from exactly one `Authorization: Bearer` header and from nowhere else.
"""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from app.errors import InsufficientScope
from app.principal import Principal, Scope
from app.users import store as users
from app.users import tokens
from app.users.keys import Keys
from core.db import Database
from core.errors import Unauthenticated

Connection = ASGIConnection[Any, Any, Any, Any]

_READING = {"GET", "HEAD", "OPTIONS"}


class Guard:
    """Resolves a request's credential to its principal."""

    def __init__(self, database: Database, keys: Keys) -> None:
        self._database = database
        self._keys = keys

    async def check(self, connection: Connection, handler: BaseRouteHandler) -> None:
        """Raises Unauthenticated or InsufficientScope; leaves the principal for the handler."""
        if handler.opt.get("public"):
            return
        principal = await self._resolve(_bearer(connection))
        method = str(dict(connection.scope).get("method"))
        needed = handler.opt.get("scope", Scope.READ if method in _READING else Scope.WRITE)
        if needed not in principal.scopes:
            raise InsufficientScope
        connection.scope["auth"] = principal

    async def _resolve(self, token: str) -> Principal:
        access = tokens.read(self._keys, token)
        if access is None:
            raise Unauthenticated("The access token is not valid, or not any more.")
        async with self._database.raw() as connection:
            principal = await users.resolve(connection, access)
        if principal is None:
            raise Unauthenticated("The session is over.")
        return principal


def principal(scope: Any) -> Principal:
    """The handler's `principal`, as the guard resolved it."""
    resolved = scope.get("auth")
    if not isinstance(resolved, Principal):
        raise Unauthenticated
    return resolved


def _bearer(connection: Connection) -> str:
    given = [value for name, value in connection.scope["headers"] if name == b"authorization"]
    if len(given) != 1:
        raise Unauthenticated("Send exactly one Authorization header: Bearer and an access token.")
    word, _, token = given[0].decode("latin-1").partition(" ")
    if word.lower() != "bearer" or not token or " " in token:
        raise Unauthenticated("Send the credential as: Authorization: Bearer TOKEN.")
    return token
