"""The guard before every route: private unless the route says that it is public.

It runs after routing and before anything of the request is read, for every method, OPTIONS included: as a
middleware, because for a guard of its own Litestar copies the whole handler at every request. A
credential is taken from exactly one `Authorization: Bearer` header and from nowhere else: a session's access
token, an API token, or for the operator's routes the operator's secret. The credential of an attempt opens
the one route that takes it, and no other.
"""

import hmac
from typing import Any

from app.errors import InsufficientScope
from app.limits.gate import Gate
from app.limits.model import Admission, Credential
from app.principal import Actor, Principal, needed
from app.tokens import spelling
from app.users import tokens
from app.users.keys import Keys
from core import callbacks
from core.callbacks import Pass
from core.errors import RateLimited, Unauthenticated
from core.sealing import Keyring


class Guard:
    """Resolves a request's credential to its principal, and holds its tenant to the limit of requests."""

    def __init__(self, gate: Gate, keys: Keys, keyring: Keyring, *, operator_secret: str | None) -> None:
        self._gate = gate
        self._keys = keys
        self._keyring = keyring
        self._operator = operator_secret.encode() if operator_secret else None

    async def check(self, scope: Any) -> None:
        """Raises Unauthenticated, RateLimited or InsufficientScope; leaves the principal for the handler."""
        opt = scope["route_handler"].opt
        if opt.get("public") or opt.get("signed"):
            return
        token = _bearer(scope)
        if opt.get("operator"):
            self._check_operator(token)
            return
        if opt.get("attempt"):
            scope["auth"] = self._speaking(token)
            return
        credential = self._credential(token)
        admission = await self._gate.admit(credential)
        if admission is None:
            raise Unauthenticated("The session is over, or the token was revoked or has expired.")
        _hold(scope, admission)
        resolved = _principal(scope, credential, admission)
        if needed(opt, scope["method"]) not in resolved.scopes:
            raise InsufficientScope
        scope["auth"] = resolved

    def _credential(self, token: str) -> Credential:
        """What a token claims, if its form is right: nothing is asked of the database for one that is not."""
        if spelling.is_token(token):
            return Credential(token_hash=spelling.hashed(token))
        access = tokens.read(self._keys, token)
        if access is None and callbacks.read(self._keyring, token) is not None:
            raise InsufficientScope("The credential of an attempt only lets it tell about itself.")
        if access is None:
            raise Unauthenticated("The access token is not valid, or not any more.")
        return Credential(session_id=access.session_id, user_id=access.user_id)

    def _speaking(self, token: str) -> Pass:
        found = callbacks.read(self._keyring, token)
        if found is None:
            raise Unauthenticated("This takes the credential of an attempt, until its deadline.")
        return found

    def _check_operator(self, secret: str) -> None:
        if self._operator is None or not hmac.compare_digest(secret.encode(), self._operator):
            raise Unauthenticated("This takes the operator's secret.")


def _hold(scope: Any, admission: Admission) -> None:
    """Every answer tells where the limit stands; a request beyond it ends here."""
    if admission.budget is None:
        return
    scope["state"]["headers"] = admission.budget.headers()
    if admission.budget.retry_after:
        raise RateLimited(admission.budget.retry_after)


def _principal(scope: Any, credential: Credential, admission: Admission) -> Principal:
    owner = admission.owner
    return Principal(
        tenant_id=owner.tenant_id,
        actor=Actor.USER if owner.token_id is None else Actor.TOKEN,
        user_id=credential.user_id,
        session_id=credential.session_id,
        token_id=owner.token_id,
        scopes=owner.scopes,
        request_id=str(scope["state"].get("request_id", "")),
    )


def _bearer(scope: Any) -> str:
    given: list[bytes] = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(given) != 1:
        raise Unauthenticated("Send exactly one Authorization header: Bearer and an access token.")
    word, _, token = given[0].decode("latin-1").partition(" ")
    if word.lower() != "bearer" or not token or " " in token:
        raise Unauthenticated("Send the credential as: Authorization: Bearer TOKEN.")
    return token
