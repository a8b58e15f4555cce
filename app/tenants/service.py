"""Making, changing and erasing tenants, each in one transaction with its row in the audit."""

from typing import Any
from uuid import UUID

import msgspec
from msgspec import UnsetType

from app import limiting
from app.audit import store as audit
from app.audit.model import Action
from app.limiting import Limit
from app.limits import store as limits
from app.limits.model import DEFAULT
from app.limits.store import SMALLEST_RATE
from app.principal import ALL_SCOPES, Actor, Principal
from app.tenants import store as tenants
from app.tenants.schemas import ChangeTenant, CreatedTenant, TenantSettings
from app.tenants.store import Start, Stored
from app.tokens import service as tokens
from core import ids, signing
from core.db import Raw
from core.errors import Fault, Invalid
from core.sealing import Keyring
from core.tenants.model import KEEP_DEAD_LETTERS_DAYS, KEEP_HISTORY_DAYS, KEEP_JOBS_DAYS
from core.tenants.store import signing_context

_DEFAULTS: dict[str, Any] = {
    "request_rate": DEFAULT.rate,
    "request_burst": DEFAULT.burst,
    "keep_jobs_days": KEEP_JOBS_DAYS,
    "keep_history_days": KEEP_HISTORY_DAYS,
    "keep_dead_letters_days": KEEP_DEAD_LETTERS_DAYS,
    "max_concurrency": 0,
}


def start(tenant_id: UUID, name: str, keyring: Keyring) -> Start:
    """What a new tenant begins with."""
    secret = signing.new_secret().encode()
    sealed = keyring.seal(secret, context=signing_context(tenant_id))
    return Start(tenant_id, name, queue_id=ids.new(), secret_id=ids.new(), sealed=sealed)


def shown(stored: Stored) -> TenantSettings:
    """A tenant with what holds for it, by its own setting or by default."""
    given = {name: value for name, value in msgspec.structs.asdict(stored).items() if value is not None}
    return TenantSettings(**(_DEFAULTS | given))


async def create(db: Raw, name: str, keyring: Keyring, *, request_id: str) -> CreatedTenant:
    """A tenant with what every tenant has, and a token that can make others."""
    tenant_id = ids.new()
    operator = Principal(tenant_id=tenant_id, actor=Actor.OPERATOR, request_id=request_id)
    async with db.transaction():
        await tenants.furnish(db, start(tenant_id, name, keyring))
        token = await tokens.make(db, tenant_id, name="first token", scopes=ALL_SCOPES)
        await audit.record(db, operator, Action.TENANT_CREATED, str(tenant_id), {"name": name})
        stored = await tenants.get(db, tenant_id)
    assert stored is not None
    return CreatedTenant(shown(stored), token)


async def change(db: Raw, asked: ChangeTenant, principal: Principal) -> TenantSettings | None:
    """Change what the patch names, for every process with its next request. Raises Invalid."""
    given = {
        name: value
        for name in ChangeTenant.__struct_fields__
        if not isinstance(value := getattr(asked, name), UnsetType)
    }
    _check(given)
    async with db.transaction():
        before = await tenants.hold(db, principal.tenant_id)
        if before is None:
            return None
        after = msgspec.structs.replace(before, **given)
        await tenants.change(db, after)
        if {"request_rate", "request_burst"} & given.keys():
            await limits.refill(db, principal.tenant_id)
        if "max_concurrency" in given:
            await limiting.put(db, after.id, Limit(after.max_concurrency or None), tenant=after.id)
        if given:
            await audit.record(db, principal, Action.TENANT_CHANGED, str(principal.tenant_id), given)
    return shown(after)


async def erase(db: Raw, principal: Principal, *, confirm: str) -> bool:
    """Begin the erasure of the principal's tenant; False if it has begun. Raises Invalid."""
    async with db.transaction():
        stored = await tenants.hold(db, principal.tenant_id)
        if stored is None:
            return False
        if confirm != stored.name:
            raise Invalid([Fault("not_confirmed", "must be the name of the tenant", pointer="/confirm")])
        await tenants.erase(db, principal.tenant_id)
        await audit.record(db, principal, Action.TENANT_ERASED, str(principal.tenant_id))
    return True


def _check(given: dict[str, Any]) -> None:
    rate = given.get("request_rate")
    if rate is not None and 0 < rate < SMALLEST_RATE:
        message = f"must be 0 or at least {SMALLEST_RATE}"
        raise Invalid([Fault("out_of_range", message, pointer="/request_rate")])
