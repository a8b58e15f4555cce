"""The way in, for all requests of this process: those that come together are resolved together.

While a batch is under way the next one gathers, so that a busy process asks the database far less often than
it is asked itself, and an idle one waits for nothing.

Requests are taken from a tenant's bucket in slices; what a slice has left covers the next requests, which
then ask only who they are. A stock holds for the allowance that it was taken under: once that has changed,
whoever relied on it asks again.
"""

import asyncio
from collections import Counter
from uuid import UUID

import msgspec

from app.limits import model
from app.limits import store as limits
from app.limits.model import DEFAULT, Admission, Allowance, Credential
from app.limits.store import Found
from core.db import Database

_LANES = 2
_BATCH = 200
_REMEMBERED = 10_000


class _Asked(msgspec.Struct):
    """A request at the gate."""

    credential: Credential
    answer: "asyncio.Future[Admission | None]"
    cover: tuple[UUID, Allowance] | None = None
    """The stock it lives on: whose, and of which allowance."""


class _Stock(msgspec.Struct):
    """Requests that were taken and not used yet."""

    allowance: Allowance
    left: int


class Gate:
    """Resolves credentials and takes requests."""

    def __init__(self, database: Database, default: Allowance = DEFAULT) -> None:
        self._database = database
        self._default = default
        self._waiting: list[_Asked] = []
        self._lanes: set[asyncio.Task[None]] = set()
        self._stocks: dict[UUID, _Stock] = {}
        self._tenants: dict[Credential, UUID] = {}

    async def admit(self, credential: Credential) -> Admission | None:
        """Whom it stands for, and whether the request is within the limit; None if it is not valid."""
        asked = _Asked(credential, asyncio.get_running_loop().create_future())
        self._waiting.append(asked)
        if len(self._lanes) < _LANES:
            self._open_lane()
        return await asked.answer

    def _open_lane(self) -> None:
        lane = asyncio.create_task(self._serve())
        self._lanes.add(lane)
        lane.add_done_callback(self._closed)

    def _closed(self, lane: asyncio.Task[None]) -> None:
        """Who came after the lane's last look, and before this, found no lane to open."""
        self._lanes.discard(lane)
        if self._waiting and not self._lanes:
            self._open_lane()

    async def _serve(self) -> None:
        """Batch after batch while there are any."""
        while self._waiting:
            batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
            try:
                await self._decide(batch)
            except Exception as error:
                for asked in batch:
                    if not asked.answer.done():
                        asked.answer.set_exception(error)

    async def _decide(self, batch: list[_Asked]) -> None:
        for asked in batch:
            self._cover(asked)
        questions = [(asked.credential, asked.cover is not None) for asked in batch]
        async with self._database.raw() as db:
            found = await limits.admit(db, questions, default=self._default)
        tenants = {one.owner.tenant_id: one for one in found}
        spare = Counter({tenant: one.granted for tenant, one in tenants.items()})
        valid = {one.place: one for one in found}
        for place, asked in enumerate(batch):
            self._answer(asked, valid.get(place), spare)
        for tenant, one in tenants.items():
            self._keep(tenant, one.allowance, spare[tenant])

    def _cover(self, asked: _Asked) -> None:
        """Let a request live on what was taken before, if anything is left."""
        tenant = self._tenants.get(asked.credential)
        stock = self._stocks.get(tenant) if tenant is not None else None
        if tenant is not None and stock is not None and stock.left > 0:
            stock.left -= 1
            asked.cover = (tenant, stock.allowance)

    def _answer(self, asked: _Asked, found: Found | None, spare: Counter[UUID]) -> None:
        cover, asked.cover = asked.cover, None
        if found is None:
            self._tenants.pop(asked.credential, None)
            _tell(asked, None)
            return
        tenant, allowance = found.owner.tenant_id, found.allowance
        self._remember(asked.credential, tenant)
        if allowance.rate == 0:
            _tell(asked, Admission(found.owner, None))
        elif cover is not None and cover[1] != allowance:
            self._stocks.pop(tenant, None)
            self._waiting.append(asked)
        else:
            refused = cover is None and spare[tenant] == 0
            spare[tenant] -= cover is None and not refused
            stock = self._stocks.get(tenant)
            left = spare[tenant] + (stock.left if stock is not None else 0)
            budget = model.budget(allowance, spent=found.spent, stock=left, refused=refused)
            _tell(asked, Admission(found.owner, budget))

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


def _tell(asked: _Asked, answer: Admission | None) -> None:
    if not asked.answer.done():
        asked.answer.set_result(answer)
