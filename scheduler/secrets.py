"""The tenants' signing keys, kept for a little while so that a delivery costs no query.

A rotated secret is used by every replica within `KEEP_SECONDS`; the overlap in which old and new both sign
is much longer.
"""

import time
from collections.abc import Iterable
from uuid import UUID

from core import signing
from core.clock import Clock
from core.db import Database
from core.sealing import Keyring
from core.tenants import store as tenants

KEEP_SECONDS = 30.0


class Secrets:
    """Opened signing keys by tenant."""

    def __init__(self, database: Database, keyring: Keyring, *, now: Clock = time.monotonic) -> None:
        self._database = database
        self._keyring = keyring
        self._now = now
        self._kept: dict[UUID, tuple[float, tuple[bytes, ...]]] = {}

    def known(self, tenant: UUID) -> tuple[bytes, ...] | None:
        """The keys, newest first, if they were loaded lately."""
        kept = self._kept.get(tenant)
        return kept[1] if kept is not None and kept[0] > self._now() else None

    async def load(self, tenant_ids: Iterable[UUID]) -> None:
        """Load what is missing or old, in one query."""
        missing = [tenant for tenant in set(tenant_ids) if self.known(tenant) is None]
        if not missing:
            return
        async with self._database.raw() as db:
            sealed = await tenants.signing_secrets(db, missing)
        until = self._now() + KEEP_SECONDS
        for tenant in missing:
            self._kept[tenant] = (until, self._opened(tenant, sealed.get(tenant, [])))

    async def of(self, tenant: UUID) -> tuple[bytes, ...]:
        """The keys, newest first; none when the tenant has none."""
        keys = self.known(tenant)
        if keys is None:
            await self.load([tenant])
            keys = self._kept[tenant][1]
        return keys

    def _opened(self, tenant: UUID, sealed: list[bytes]) -> tuple[bytes, ...]:
        context = tenants.signing_context(tenant)
        return tuple(signing.key(self._keyring.open(one, context=context).decode()) for one in sealed)
