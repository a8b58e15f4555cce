"""The guard before every route: private unless the route says that it is public.

It runs after routing and before anything of the request is read, for every method, OPTIONS included. A
credential is taken from exactly one `Authorization: Bearer` header and from nowhere else: a session's access
token, an API token, or for the operator's routes the operator's secret.
"""

import hmac
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from app.errors import InsufficientScope
from app.limits.gate import Gate
from app.limits.model import Admission, Credential
from app.principal import Actor, Principal, needed
from app.tokens import spelling
from app.users import tokens
from app.users.keys import Keys
from core.errors import RateLimited, Unauthenticated

Connection = ASGIConnection[Any, Any, Any, Any]


class Guard:
    """Resolves a request's credential to its principal, and holds its tenant to the limit of requests."""

    def __init__(self, gate: Gate, keys: Keys, *, operator_secret: str | None) -> None:
        self._gate = gate
        self._keys = keys
        self._operator = operator_secret.encode() if operator_secret else None

    async def check(self, connection: Connection, handler: BaseRouteHandler) -> None:
        """Raises Unauthenticated, RateLimited or InsufficientScope; leaves the principal for the handler."""
        if handler.opt.get("public"):
            return
        token = _bearer(connection)
        if handler.opt.get("operator"):
            self._check_operator(token)
            return
        credential = self._credential(token)
        admission = await self._gate.admit(credential)
        if admission is None:
            raise Unauthenticated("The session is over, or the token was revoked or has expired.")
        _hold(connection, admission)
        resolved = _principal(connection, credential, admission)
        if needed(handler.opt, str(dict(connection.scope).get("method"))) not in resolved.scopes:
            raise InsufficientScope
        connection.scope["auth"] = resolved

    def _credential(self, token: str) -> Credential:
        """What a token claims, if its form is right: nothing is asked of the database for one that is not."""
        if spelling.is_token(token):
            return Credential(token_hash=spelling.hashed(token))
        access = tokens.read(self._keys, token)
        if access is None:
            raise Unauthenticated("The access token is not valid, or not any more.")
        return Credential(session_id=access.session_id, user_id=access.user_id)

    def _check_operator(self, secret: str) -> None:
        if self._operator is None or not hmac.compare_digest(secret.encode(), self._operator):
            raise Unauthenticated("This takes the operator's secret.")


def _hold(connection: Connection, admission: Admission) -> None:
    """Every answer tells where the limit stands; a request beyond it ends here."""
    if admission.budget is None:
        return
    connection.scope["state"]["headers"] = admission.budget.headers()
    if admission.budget.retry_after:
        raise RateLimited(admission.budget.retry_after)


def _principal(connection: Connection, credential: Credential, admission: Admission) -> Principal:
    owner = admission.owner
    return Principal(
        tenant_id=owner.tenant_id,
        actor=Actor.USER if owner.token_id is None else Actor.TOKEN,
        user_id=credential.user_id,
        session_id=credential.session_id,
        token_id=owner.token_id,
        scopes=owner.scopes,
        request_id=str(connection.scope["state"].get("request_id", "")),
    )


def _bearer(connection: Connection) -> str:
    given = [value for name, value in connection.scope["headers"] if name == b"authorization"]
    if len(given) != 1:
        raise Unauthenticated("Send exactly one Authorization header: Bearer and an access token.")
    word, _, token = given[0].decode("latin-1").partition(" ")
    if word.lower() != "bearer" or not token or " " in token:
        raise Unauthenticated("Send the credential as: Authorization: Bearer TOKEN.")
    return token
