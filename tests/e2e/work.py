"""The jobs of one test: made, watched, struck by faults, and judged at the end."""

import asyncio
import hashlib
import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import msgspec

from core.db import Database
from tests.e2e import history
from tests.e2e.fleet import Fleet
from tests.e2e.history import Ending, Fault, History, Promise, Report
from tests.e2e.ledger import Arrival
from tests.e2e.processes import Process
from tests.e2e.witness import Witness, replica_id
from tests.waiting import wait_until

RETRY = {"max_attempts": 4, "base_seconds": 0.1, "max_seconds": 0.2}


class Work(Witness):
    """Made and read through the API."""

    def __init__(self, fleet: Fleet, api: httpx.AsyncClient, database: Database) -> None:
        super().__init__(fleet, database)
        self.api = api
        self._faults: list[Fault] = []
        self._sightings: list[Ending] = []

    async def submit(self, count: int = 1, *, orders: str = "", **given: Any) -> list[UUID]:
        """Have jobs made; each calls a path of its own, with orders to the receiver (see there)."""
        asked = [self.job(orders, **given) for _ in range(count)]
        return list(await asyncio.gather(*(self.post(one) for one in asked)))

    def job(self, orders: str = "", **given: Any) -> dict[str, Any]:
        """The body of a request for a job, with short retries unless told otherwise."""
        path = f"/{self.group}/{uuid4().hex[:12]}"
        target = {"url": f"{self.fleet.target}{path}?{orders}", "body": {"path": path}}
        retry = RETRY | given.pop("retry", {})
        return {"target": target | given.pop("target", {}), "retry": retry, **given}

    async def post(self, asked: dict[str, Any], *, client: httpx.AsyncClient | None = None) -> UUID:
        """Promised from the moment it is acknowledged; its id."""
        answer = await (client or self.api).post("/v1/jobs", json=asked)
        assert answer.status_code == 201, answer.text
        return self.promise(asked, UUID(answer.json()["id"]))

    def promise(self, asked: dict[str, Any], job_id: UUID) -> UUID:
        body = msgspec.json.encode(asked["target"]["body"])
        self.promises.append(
            Promise(
                id=job_id,
                path=urlsplit(asked["target"]["url"]).path,
                method=asked["target"].get("method", "POST"),
                body_sha256=hashlib.sha256(body).hexdigest(),
                max_attempts=asked["retry"]["max_attempts"],
            )
        )
        return job_id

    async def read(self, job_id: UUID) -> dict[str, Any]:
        answer = await self.api.get(f"/v1/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def arrived(self, count: int = 1, *, attempt: int = 1, within: float = 10.0) -> list[Arrival]:
        """So many requests of this attempt number."""

        def look() -> list[Arrival]:
            found = [one for one in self.arrivals() if one.request.attempt == attempt]
            return found if len(found) >= count else []

        return await wait_until(look, within=within, what=f"{count} arrivals of attempt {attempt}")

    async def ended(self, within: float = 30.0) -> list[Ending]:
        """Every job of ours has ended."""

        async def look() -> list[Ending]:
            found = await self.endings()
            return list(found.values()) if len(found) == len(self.promises) else []

        return await wait_until(look, within=within, what="every job has ended")

    async def leased(self, count: int, *, process: Process | None = None, within: float = 10.0) -> int:
        """So many of our jobs are held, by this process if one is named."""
        replica = None if process is None else await replica_id(process)

        async def look() -> int:
            found = await self.rows(
                """SELECT replica_id FROM leases
                   WHERE job_id = ANY($1) AND ($2::uuid IS NULL OR replica_id = $2)""",
                replica,
            )
            return len(found) if len(found) >= count else 0

        return await wait_until(look, within=within, what=f"{count} leases")

    async def elapsed(self, seconds: float) -> None:
        """The time between two faults, by the test's own clock."""
        end = time.monotonic() + seconds
        await wait_until(lambda: time.monotonic() > end, within=seconds + 5, what=f"{seconds:g} s are over")

    async def quiet(self) -> None:
        """Every fire time has passed, and so has every retry that could follow it."""
        until = max([await self.now(), await self.last_fire_time()]) + timedelta(seconds=1)

        async def look() -> bool:
            return await self.now() > until

        await wait_until(look, within=20, what=f"the time is {until}")

    async def beating(self, process: Process, within: float = 20.0) -> None:
        """It beats from now on."""
        replica, since = await replica_id(process), await self.now()

        async def look() -> bool:
            at = await self.value("SELECT beat_at FROM replicas WHERE id = $1", replica)
            return at is not None and at > since

        await wait_until(look, within=within, what=f"{process.name} beats")

    async def expired(self, process: Process, *, since: float = 0.0, within: float = 15.0) -> None:
        """Its last beat has run out, so many seconds ago."""
        replica = await replica_id(process)

        async def look() -> bool:
            found: bool = await self.value(
                """SELECT expires_at + $2::float8 * interval '1 second' <= clock_timestamp()
                   FROM replicas WHERE id = $1""",
                replica,
                since,
            )
            return found

        await wait_until(look, within=within, what=f"{process.name} has stopped beating")

    async def settled_by(self, process: Process, within: float = 10.0) -> None:
        """It has heard what became of a result of ours, whatever that was."""
        await wait_until(
            lambda: self.settled(process), within=within, what=f"{process.name} has settled a result"
        )

    async def said(self, process: Process, event: str, within: float = 10.0) -> None:
        await wait_until(lambda: process.said(event), within=within, what=f"{process.name} said {event}")

    async def strike(self, name: str, *processes: Process, sure: bool = True) -> Fault:
        """Freeze these schedulers, and write down which attempts they have in flight; some, if it is sure."""
        replicas = [await replica_id(process) for process in processes]
        for process in processes:
            process.freeze()
        # Also of jobs whose acknowledgement is still on its way to us.
        rows = await self.fetch("SELECT job_id, attempt FROM leases WHERE replica_id = ANY($1)", replicas)
        fault = Fault(name, frozenset((row[0], row[1]) for row in rows), sure)
        self._faults.append(fault)
        return fault

    async def freeze(self, process: Process, *, in_flight: bool = True) -> None:
        """A fault if it strikes an attempt in flight."""
        if in_flight:
            await self.strike("freeze", process)
        else:
            process.freeze()

    async def kill(self, *processes: Process, sure: bool = True) -> Fault:
        names = ", ".join(one.name for one in processes)
        fault = await self.strike(f"kill -9 {names}", *processes, sure=sure)
        for process in processes:
            process.kill()
        return fault

    async def look(self) -> None:
        """Remember the endings there are: they must be the same for ever."""
        self._sightings += (await self.endings()).values()

    async def check(self) -> Report:
        """The verdict; complaints fail the test."""
        report = history.check(
            History(
                promises=self.promises,
                arrivals=self.arrivals(),
                database=await self.dump(),
                faults=self._faults,
                sightings=self._sightings,
                reads={promise.id: await self._state(promise.id) for promise in self.promises},
                fenced=self.fenced(),
            )
        )
        assert report.complaints == [], "\n".join([str(report), *report.complaints[:20]])
        return report

    async def _state(self, job_id: UUID) -> str:
        return str((await self.read(job_id))["state"])

    async def abandon(self) -> None:
        """What a failed test leaves behind must not disturb the next one."""
        for table in ("timers", "ready", "leases"):
            await self.rows(f"DELETE FROM {table} WHERE job_id = ANY($1)")
