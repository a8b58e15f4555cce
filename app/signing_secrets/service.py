"""Rotating signing secrets, in one transaction with its row in the audit.

Schedulers read a tenant's secrets again within half a minute, and sign with all that are valid, the newest
first. So for the overlap a receiver verifies with either.
"""

from app.audit import store as audit
from app.audit.model import Action
from app.principal import Principal
from app.signing_secrets import store as secrets
from app.signing_secrets.store import Sealed
from core import ids, signing
from core.db import Raw
from core.errors import Conflict
from core.sealing import Keyring
from core.tenants.store import signing_context

_MOST = 8
"""Every one of them adds a signature to every call."""


async def rotate(
    db: Raw, principal: Principal, keyring: Keyring, *, overlap_seconds: int
) -> list[Sealed] | Conflict:
    """All that sign now, the new one first."""
    tenant, secret = principal.tenant_id, ids.new()
    sealed = keyring.seal(signing.new_secret().encode(), context=signing_context(tenant))
    async with db.transaction():
        if await secrets.hold(db, tenant=tenant) >= _MOST and overlap_seconds > 0:
            return Conflict("too_many_secrets", f"{_MOST} sign already; rotate without overlap, or wait.")
        await secrets.replace(db, secret, sealed, tenant=tenant, overlap_seconds=overlap_seconds)
        detail = {"overlap_seconds": overlap_seconds}
        await audit.record(db, principal, Action.SECRETS_ROTATED, str(secret), detail)
    return await secrets.valid(db, tenant=tenant)
