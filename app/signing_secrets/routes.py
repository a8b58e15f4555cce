"""Signing secrets over HTTP. Whoever reads one can sign as us, so it takes the admin scope."""

from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from app.principal import Principal, Scope, needs
from app.signing_secrets import service
from app.signing_secrets import store as secrets
from app.signing_secrets.schemas import RotateSecrets, SigningSecret, SigningSecrets
from app.signing_secrets.store import Sealed
from core.db import Database
from core.errors import Conflict
from core.sealing import Keyring
from core.tenants.store import signing_context


@get(
    "/signing-secrets",
    operation_id="listSigningSecrets",
    summary="List signing secrets",
    opt=needs(Scope.ADMIN),
)
async def listed(
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    keyring: NamedDependency[Keyring],
) -> SigningSecrets:
    """What receivers verify our signatures with; while a secret rotates, any of them may have signed."""
    async with database.raw() as db:
        sealed = await secrets.valid(db, tenant=principal.tenant_id)
    return _shown(sealed, keyring, principal)


@post(
    "/signing-secrets/rotate",
    operation_id="rotateSigningSecrets",
    summary="Rotate the signing secret",
    opt=needs(Scope.ADMIN),
)
async def rotate(
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    keyring: NamedDependency[Keyring],
    data: JSONBody[RotateSecrets | None] = None,
) -> SigningSecrets:
    """A new secret signs first; the others sign too for the overlap, so that receivers can change over."""
    asked = data or RotateSecrets()
    async with database.raw() as db:
        rotated = await service.rotate(db, principal, keyring, overlap_seconds=asked.overlap_seconds)
    if isinstance(rotated, Conflict):
        raise rotated
    return _shown(rotated, keyring, principal)


def _shown(sealed: list[Sealed], keyring: Keyring, principal: Principal) -> SigningSecrets:
    context = signing_context(principal.tenant_id)
    return SigningSecrets([_opened(one, keyring, context) for one in sealed])


def _opened(one: Sealed, keyring: Keyring, context: str) -> SigningSecret:
    secret = keyring.open(one.sealed, context=context).decode()
    return SigningSecret(one.id, secret, one.created_at, one.expires_at)


def router() -> Router:
    """The routes of signing secrets."""
    return Router("/v1", route_handlers=[listed, rotate], tags=["signing secrets"])
