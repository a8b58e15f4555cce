"""The jobs of one test: made, watched, struck by faults, and judged at the end."""

import asyncio
import hashlib
import time
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import msgspec

from core.db import Database, is_transient
from tests.e2e import history
from tests.e2e.fleet import TTL_SECONDS, Fleet
from tests.e2e.history import Attempt, Ending, Fault, History, Promise, Report
from tests.e2e.ledger import Arrival
from tests.e2e.processes import Process
from tests.e2e.waiting import wait_until

RETRY = {"max_attempts": 4, "base_seconds": 0.1, "max_seconds": 0.2}


class Work:
    """Made and read through the API, watched in the database itself."""

    def __init__(self, fleet: Fleet, api: httpx.AsyncClient, database: Database) -> None:
        self.fleet = fleet
        self.api = api
        self.database = database
        self.group = uuid4().hex[:8]
        self.promises: list[Promise] = []
        self._faults: list[Fault] = []
        self._sightings: list[Ending] = []

    # Making jobs.

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

    # Waiting for things to happen.

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
            found = await self._rows(
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
        until = max([await self.now(), await self._last_fire_time()]) + timedelta(seconds=1)

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
            lambda: self._settled(process), within=within, what=f"{process.name} has settled a result"
        )

    async def said(self, process: Process, event: str, within: float = 10.0) -> None:
        await wait_until(lambda: process.said(event), within=within, what=f"{process.name} said {event}")

    async def replicas(self, process: Process) -> int:
        """Rows that the process has among the replicas."""
        found: int = await self.value(
            "SELECT count(*) FROM replicas WHERE id = $1", await replica_id(process)
        )
        return found

    # Breaking things.

    async def strike(self, name: str, *processes: Process, sure: bool = True) -> Fault:
        """Freeze these schedulers, and write down which attempts they have in flight; some, if it is sure."""
        replicas = [await replica_id(process) for process in processes]
        for process in processes:
            process.freeze()
        # Also of jobs whose acknowledgement is still on its way to us.
        rows = await self._fetch("SELECT job_id, attempt FROM leases WHERE replica_id = ANY($1)", replicas)
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

    # Judging.

    def arrivals(self) -> list[Arrival]:
        return self.fleet.ledger.arrivals(f"/{self.group}/")

    async def endings(self) -> dict[UUID, Ending]:
        rows = await self._rows(
            "SELECT job_id, state, attempts, error_code, finished_at FROM endings WHERE job_id = ANY($1)"
        )
        return {row[0]: Ending(*row) for row in rows}

    async def attempts(self) -> list[Attempt]:
        rows = await self._rows(
            """SELECT job_id, number, outcome, lease_token, replica_id, bytes_sent, error_code,
                      finished_at
               FROM attempts WHERE job_id = ANY($1) ORDER BY job_id, number, id"""
        )
        return [Attempt(*row) for row in rows]

    async def outcomes(self) -> list[str]:
        """Of the attempts at the one job of this test, in order."""
        assert len(self.promises) == 1
        return [one.outcome for one in await self.attempts()]

    async def check(self) -> Report:
        """The verdict; complaints fail the test."""
        report = history.check(
            History(
                promises=self.promises,
                arrivals=self.arrivals(),
                database=await self._dump(),
                faults=self._faults,
                sightings=self._sightings,
                reads={promise.id: await self._state(promise.id) for promise in self.promises},
                fenced=self._fenced(),
            )
        )
        assert report.complaints == [], "\n".join([str(report), *report.complaints[:20]])
        return report

    async def _state(self, job_id: UUID) -> str:
        return str((await self.read(job_id))["state"])

    async def _dump(self) -> history.Database:
        stored = await self._rows(
            "SELECT id, extract(epoch FROM fire_at)::float8 FROM jobs WHERE id = ANY($1)"
        )
        places = await self._rows(
            """SELECT job_id, 'timers' FROM timers WHERE job_id = ANY($1)
               UNION ALL SELECT job_id, 'ready' FROM ready WHERE job_id = ANY($1)
               UNION ALL SELECT job_id, 'leases' FROM leases WHERE job_id = ANY($1)
               UNION ALL SELECT job_id, 'endings' FROM endings WHERE job_id = ANY($1)"""
        )
        events = await self._rows(
            "SELECT job_id, kind FROM events WHERE job_id = ANY($1) AND kind = ANY($2)", list(history.FINAL)
        )
        dead = await self._rows("SELECT job_id FROM dead_letters WHERE job_id = ANY($1)")
        return history.Database(
            fire_at={row[0]: row[1] for row in stored},
            places=[(row[0], row[1]) for row in places],
            endings=await self.endings(),
            attempts=await self.attempts(),
            final_events=[(row[0], row[1]) for row in events],
            dead_letters={row[0] for row in dead},
        )

    def _fenced(self) -> int:
        """Results of ours that schedulers say they dropped."""
        settled = [line for process in self.fleet.started for line in self._settled(process)]
        return sum(1 for line in settled if line["fate"] == "fenced")

    def _settled(self, process: Process) -> list[dict[str, Any]]:
        ours = {str(promise.id) for promise in self.promises}
        return [line for line in process.said("attempt_settled") if line["job_id"] in ours]

    async def abandon(self) -> None:
        """What a failed test leaves behind must not disturb the next one."""
        for table in ("timers", "ready", "leases"):
            await self._rows(f"DELETE FROM {table} WHERE job_id = ANY($1)")

    async def now(self) -> datetime:
        """By the database's clock."""
        found: datetime = await self.value("SELECT clock_timestamp()")
        return found

    async def stored(self) -> int:
        """How many jobs of this test there are, promised or not."""
        found: int = await self.value(
            "SELECT count(*) FROM jobs WHERE target->>'url' LIKE '%/' || $1 || '/%'", self.group
        )
        return found

    async def _last_fire_time(self) -> datetime:
        found: datetime = (await self._rows("SELECT max(fire_at) FROM jobs WHERE id = ANY($1)"))[0][0]
        return found

    async def value(self, sql: str, *arguments: object) -> Any:
        """The one value of a query."""
        rows = await self._fetch(sql, *arguments)
        return rows[0][0] if rows else None

    async def _rows(self, sql: str, *more: object) -> list[Any]:
        """A query whose first argument is the ids of our jobs."""
        return await self._fetch(sql, [promise.id for promise in self.promises], *more)

    async def _fetch(self, sql: str, *arguments: object) -> list[Any]:
        """Again, if a database that came back a moment ago left a dead connection in our pool."""

        async def look() -> list[list[Any]]:
            try:
                async with self.database.raw() as db:
                    return [await db.fetch(sql, *arguments)]
            except Exception as error:
                if not is_transient(error):
                    raise
                return []

        answers: list[list[Any]] = await wait_until(look, within=20, what="the database answers the test")
        return answers[0]


async def replica_id(process: Process) -> UUID:
    """Under which a scheduler holds its leases."""
    [line] = await wait_until(
        lambda: process.said("replica_started"), within=TTL_SECONDS + 20, what=f"{process.name} started"
    )
    return UUID(line["replica_id"])
