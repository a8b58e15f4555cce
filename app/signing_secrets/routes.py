"""Signing secrets over HTTP. Whoever reads one can sign as us, so it takes the admin scope."""

from litestar import Router, get
from litestar.di import NamedDependency

from app.principal import Principal, Scope, needs
from app.signing_secrets import store as secrets
from app.signing_secrets.schemas import SigningSecret, SigningSecrets
from app.signing_secrets.store import Sealed
from core.db import Database
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
    context = signing_context(principal.tenant_id)
    return SigningSecrets([_opened(one, keyring, context) for one in sealed])


def _opened(one: Sealed, keyring: Keyring, context: str) -> SigningSecret:
    secret = keyring.open(one.sealed, context=context).decode()
    return SigningSecret(one.id, secret, one.created_at, one.expires_at)


def router() -> Router:
    """The routes of signing secrets."""
    return Router("/v1", route_handlers=[listed], tags=["signing secrets"])
