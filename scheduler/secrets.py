"""The tenants' signing keys, kept for a little while so that a delivery costs no query.

A rotated secret is used by every replica within `KEEP_SECONDS`; the overlap in which old and new both sign
is much longer.
"""

import time
from collections.abc import Iterable
from uuid import UUID

from core import log, signing
from core.clock import Clock
from core.db import Database
from core.sealing import Keyring, SealBroken
from core.signing import Signer
from core.tenants import store as tenants

KEEP_SECONDS = 30.0

_log = log.get(__name__)


class Secrets:
    """Opened signing keys by tenant."""

    def __init__(self, database: Database, keyring: Keyring, *, now: Clock = time.monotonic) -> None:
        self._database = database
        self._keyring = keyring
        self._now = now
        self._kept: dict[UUID, tuple[float, tuple[Signer, ...]]] = {}
        self._prune_at = now() + KEEP_SECONDS

    def __len__(self) -> int:
        return len(self._kept)

    def known(self, tenant: UUID) -> tuple[Signer, ...] | None:
        """The keys, newest first, if they were loaded lately."""
        kept = self._kept.get(tenant)
        return kept[1] if kept is not None and kept[0] > self._now() else None

    async def load(self, tenant_ids: Iterable[UUID]) -> None:
        """Load what is missing or old, in one query. What cannot be opened stays missing."""
        missing = [tenant for tenant in set(tenant_ids) if self.known(tenant) is None]
        if not missing:
            return
        async with self._database.raw() as db:
            sealed = await tenants.signing_secrets(db, missing)
        self._prune()
        until = self._now() + KEEP_SECONDS
        for tenant in missing:
            try:
                self._kept[tenant] = (until, self._opened(tenant, sealed.get(tenant, [])))
            except (SealBroken, ValueError) as error:
                # One tenant's broken secret must not hold up the others that are loaded with it.
                _log.error("signing_secret_broken", tenant_id=str(tenant), error=str(error))

    async def of(self, tenant: UUID) -> tuple[Signer, ...]:
        """The keys, newest first; none when the tenant has none. Raises SealBroken."""
        if self.known(tenant) is None:
            await self.load([tenant])
        keys = self.known(tenant)
        if keys is None:
            raise SealBroken("a signing secret of the tenant does not open")
        return keys

    def _prune(self) -> None:
        """Forget the tenants that were not asked for lately, now and then."""
        now = self._now()
        if now >= self._prune_at:
            self._prune_at = now + KEEP_SECONDS
            self._kept = {tenant: kept for tenant, kept in self._kept.items() if kept[0] > now}

    def _opened(self, tenant: UUID, sealed: list[bytes]) -> tuple[Signer, ...]:
        context = tenants.signing_context(tenant)
        return tuple(signing.signer(self._keyring.open(one, context=context).decode()) for one in sealed)
