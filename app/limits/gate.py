"""The way in, for all requests of this process: those that come together are resolved together.

Requests are taken from a tenant's bucket in slices; what a slice has left covers the next requests, which
then ask only who they are. A stock holds for the allowance that it was taken under: once that has changed,
whoever relied on it asks again.
"""

from collections import Counter
from uuid import UUID

import msgspec

from app.lanes import Asked, Lanes
from app.limits import model
from app.limits import store as limits
from app.limits.model import DEFAULT, Admission, Allowance, Credential
from app.limits.store import Found
from core.db import Database

_BATCH = 200
_REMEMBERED = 10_000


_Asked = Asked[Credential, Admission | None]
_Cover = tuple[UUID, Allowance] | None
"""The stock that a request lives on: whose, and of which allowance."""


class _Stock(msgspec.Struct):
    """Requests that were taken and not used yet."""

    allowance: Allowance
    left: int


class Gate:
    """Resolves credentials and takes requests."""

    def __init__(self, database: Database, default: Allowance = DEFAULT) -> None:
        self._database = database
        self._default = default
        self._lanes = Lanes[Credential, Admission | None](_divided, self._decide)
        self._stocks: dict[UUID, _Stock] = {}
        self._tenants: dict[Credential, UUID] = {}

    async def admit(self, credential: Credential) -> Admission | None:
        """Whom it stands for, and whether the request is within the limit; None if it is not valid."""
        return await self._lanes.ask(credential)

    async def _decide(self, batch: list[_Asked]) -> None:
        covers = [self._cover(asked.question) for asked in batch]
        questions = [(asked.question, cover is not None) for asked, cover in zip(batch, covers, strict=True)]
        async with self._database.raw() as db:
            found = await limits.admit(db, questions, default=self._default)
        tenants = {one.owner.tenant_id: one for one in found}
        spare = Counter({tenant: one.granted for tenant, one in tenants.items()})
        valid = {one.place: one for one in found}
        for place, (asked, cover) in enumerate(zip(batch, covers, strict=True)):
            self._answer(asked, cover, valid.get(place), spare)
        for tenant, one in tenants.items():
            self._keep(tenant, one.allowance, spare[tenant])

    def _cover(self, credential: Credential) -> _Cover:
        """What a request may live on that was taken before, if anything is left."""
        tenant = self._tenants.get(credential)
        stock = self._stocks.get(tenant) if tenant is not None else None
        if tenant is None or stock is None or stock.left <= 0:
            return None
        stock.left -= 1
        return tenant, stock.allowance

    def _answer(self, asked: _Asked, cover: _Cover, found: Found | None, spare: Counter[UUID]) -> None:
        if found is None:
            self._tenants.pop(asked.question, None)
            asked.tell(None)
            return
        tenant, allowance = found.owner.tenant_id, found.allowance
        self._remember(asked.question, tenant)
        if allowance.rate == 0:
            asked.tell(Admission(found.owner, None))
        elif cover is not None and cover[1] != allowance:
            self._stocks.pop(tenant, None)
            self._lanes.again(asked)
        else:
            refused = cover is None and spare[tenant] == 0
            spare[tenant] -= cover is None and not refused
            stock = self._stocks.get(tenant)
            left = spare[tenant] + (stock.left if stock is not None else 0)
            budget = model.budget(allowance, spent=found.spent, stock=left, refused=refused)
            asked.tell(Admission(found.owner, budget))

    def _keep(self, tenant: UUID, allowance: Allowance, spare: int) -> None:
        """What was taken and not used covers the next requests."""
        stock = self._stocks.get(tenant)
        if stock is not None and stock.allowance == allowance:
            stock.left += spare
        elif spare > 0:
            self._stocks[tenant] = _Stock(allowance, spare)
        else:
            self._stocks.pop(tenant, None)

    def _remember(self, credential: Credential, tenant: UUID) -> None:
        if len(self._tenants) >= _REMEMBERED:
            self._tenants.clear()
            self._stocks.clear()
        self._tenants[credential] = tenant


def _divided(waiting: list[_Asked]) -> tuple[list[_Asked], list[_Asked]]:
    return waiting[:_BATCH], waiting[_BATCH:]
