"""How many leases there are, looked at again and again while a test runs.

Every look is one snapshot of the database, so a look above a limit is a limit that did not hold, however
short that was. Leases count whoever holds them: also those of a replica that is dead or frozen. After a limit
was lowered there may be more leases than it allows, but as long as there are, no lease may be new.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from tests.e2e.processes import Process
from tests.e2e.witness import replica_id
from tests.e2e.work import Work
from tests.waiting import wait_until

WHOLE = "the whole tenant"

_NO_LIMIT = 1_000_000
_EVERY_SECONDS = 0.005


class Gauge:
    """Of limited queues, by their names, and of their tenant as a whole."""

    def __init__(self, work: Work, tenant: UUID, limits: Mapping[str, int]) -> None:
        self._work = work
        self._tenant = tenant
        self.limits = dict(limits)
        self.passed: list[str] = []
        """What was seen that must not be."""
        self.looks = 0
        self._since: dict[str, datetime] = {}
        self.most: Counter[str] = Counter()

    @property
    def queues(self) -> list[str]:
        return [name for name in self.limits if name != WHOLE]

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self._saw(await self._leases())
            await asyncio.sleep(_EVERY_SECONDS)

    async def change(self, name: str, most: int | None) -> None:
        """Another limit for a queue, or none; it counts from its acknowledgement on."""
        allowed = most or _NO_LIMIT
        self.limits[name] = max(self.limits[name], allowed)
        answer = await self._work.api.patch(f"/v1/queues/{name}", json={"max_concurrency": most})
        assert answer.status_code == 200, answer.text
        self._since[name] = await self._work.now()
        self.limits[name] = allowed

    async def full(self, name: str = WHOLE, *, but: Sequence[Process] = (), within: float) -> None:
        """The limit is reached by leases none of which is held by these schedulers."""
        gone = {await replica_id(process) for process in but}

        async def look() -> bool:
            found = [row for row in await self._leases() if row[1] not in gone]
            return _counted(found)[name] >= self.limits[name]

        await wait_until(look, within=within, what=f"{name} has {self.limits[name]} leases")

    async def holders(self, crew: Sequence[Process]) -> list[Process]:
        """Those of these schedulers that hold a lease."""
        ids = {row[1] for row in await self._leases()}
        return [process for process in crew if await replica_id(process) in ids]

    def _saw(self, found: list[Any]) -> None:
        self.looks += 1
        counts = _counted(found)
        self.most |= counts
        for name, limit in self.limits.items():
            if counts[name] > limit and self._is_new(name, found):
                self.passed.append(f"{name} has {counts[name]} leases of {limit}")

    def _is_new(self, name: str, found: list[Any]) -> bool:
        """Whether one of its leases was made under the limit of now."""
        since = self._since.get(name)
        return since is None or max(row[2] for row in found if name in (WHOLE, row[0])) > since

    async def _leases(self) -> list[Any]:
        return await self._work.fetch(
            """SELECT q.name, l.replica_id, l.claimed_at FROM leases l JOIN queues q ON q.id = l.queue_id
               WHERE l.tenant_id = $1""",
            self._tenant,
        )


def _counted(found: list[Any]) -> Counter[str]:
    return Counter([row[0] for row in found] + [WHOLE] * len(found))


@asynccontextmanager
async def gauged(work: Work, *queues: int, whole: int = 0) -> AsyncIterator[Gauge]:
    """New queues that may have so many leases each, and their tenant so many in all, or any number (0)."""
    tenant = (await work.api.get("/v1/tenants/current")).json()["id"]
    named = {f"q-{uuid4().hex[:12]}": most for most in queues}
    for name, most in named.items():
        answer = await work.api.post("/v1/queues", json={"name": name, "max_concurrency": most})
        assert answer.status_code == 201, answer.text
    answer = await work.api.patch(f"/v1/tenants/{tenant}", json={"max_concurrency": whole})
    assert answer.status_code == 200, answer.text
    gauge = Gauge(work, UUID(tenant), named | ({WHOLE: whole} if whole else {}))
    looking = asyncio.create_task(gauge.run())
    try:
        yield gauge
        assert not looking.done(), looking
    finally:
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking
        await work.api.patch(f"/v1/tenants/{tenant}", json={"max_concurrency": 0})
