"""What the database, the ledger and the logs say about the jobs of one test."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from core.db import Database, is_transient
from tests.e2e import history
from tests.e2e.fleet import Fleet
from tests.e2e.history import Attempt, Ending, Promise
from tests.e2e.ledger import Arrival
from tests.e2e.processes import Process
from tests.waiting import wait_until

_STARTED_SECONDS = 30.0
_RECOVERED_SECONDS = 20.0


class Witness:
    """Asks the database itself, so a test may put what it likes between that and a process."""

    def __init__(self, fleet: Fleet, database: Database) -> None:
        self.fleet = fleet
        self.database = database
        self.group = uuid4().hex[:8]
        """The first step of every path that these jobs call."""
        self.promises: list[Promise] = []

    def arrivals(self) -> list[Arrival]:
        return self.fleet.ledger.arrivals(f"/{self.group}/")

    async def endings(self) -> dict[UUID, Ending]:
        rows = await self.rows(
            "SELECT job_id, state, attempts, error_code, finished_at FROM endings WHERE job_id = ANY($1)"
        )
        return {row[0]: Ending(*row) for row in rows}

    async def attempts(self) -> list[Attempt]:
        rows = await self.rows(
            """SELECT job_id, number, outcome, lease_token, replica_id, bytes_sent, error_code,
                      finished_at
               FROM attempts WHERE job_id = ANY($1) ORDER BY job_id, number, id"""
        )
        return [Attempt(*row) for row in rows]

    async def outcomes(self) -> list[str]:
        """Of the attempts at the one job of this test, in order."""
        assert len(self.promises) == 1
        return [one.outcome for one in await self.attempts()]

    async def replicas(self, process: Process) -> int:
        """Rows that the process has among the replicas."""
        found: int = await self.value(
            "SELECT count(*) FROM replicas WHERE id = $1", await replica_id(process)
        )
        return found

    async def dump(self) -> history.Database:
        stored = await self.rows(
            "SELECT id, extract(epoch FROM fire_at)::float8 FROM jobs WHERE id = ANY($1)"
        )
        places = await self.rows(
            """SELECT job_id, 'timers' FROM timers WHERE job_id = ANY($1)
               UNION ALL SELECT job_id, 'ready' FROM ready WHERE job_id = ANY($1)
               UNION ALL SELECT job_id, 'leases' FROM leases WHERE job_id = ANY($1)
               UNION ALL SELECT job_id, 'endings' FROM endings WHERE job_id = ANY($1)"""
        )
        events = await self.rows(
            "SELECT job_id, kind FROM events WHERE job_id = ANY($1) AND kind = ANY($2)", list(history.FINAL)
        )
        dead = await self.rows("SELECT job_id FROM dead_letters WHERE job_id = ANY($1)")
        return history.Database(
            fire_at={row[0]: row[1] for row in stored},
            places=[(row[0], row[1]) for row in places],
            endings=await self.endings(),
            attempts=await self.attempts(),
            final_events=[(row[0], row[1]) for row in events],
            dead_letters={row[0] for row in dead},
        )

    def fenced(self) -> int:
        """Results of ours that schedulers say they dropped."""
        settled = [line for process in self.fleet.started for line in self.settled(process)]
        return sum(1 for line in settled if line["fate"] == "fenced")

    def settled(self, process: Process) -> list[dict[str, Any]]:
        ours = {str(promise.id) for promise in self.promises}
        return [line for line in process.said("attempt_settled") if line["job_id"] in ours]

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

    async def last_fire_time(self) -> datetime:
        found: datetime = (await self.rows("SELECT max(fire_at) FROM jobs WHERE id = ANY($1)"))[0][0]
        return found

    async def value(self, sql: str, *arguments: object) -> Any:
        """The one value of a query."""
        rows = await self.fetch(sql, *arguments)
        return rows[0][0] if rows else None

    async def rows(self, sql: str, *more: object) -> list[Any]:
        """A query whose first argument is the ids of our jobs."""
        return await self.fetch(sql, [promise.id for promise in self.promises], *more)

    async def fetch(self, sql: str, *arguments: object) -> list[Any]:
        """Again, if a database that came back a moment ago left a dead connection in our pool."""

        async def look() -> list[list[Any]]:
            try:
                async with self.database.raw() as db:
                    return [await db.fetch(sql, *arguments)]
            except Exception as error:
                if not is_transient(error):
                    raise
                return []

        answers: list[list[Any]] = await wait_until(
            look, within=_RECOVERED_SECONDS, what="the database answers the test"
        )
        return answers[0]


async def replica_id(process: Process) -> UUID:
    """Under which a scheduler holds its leases."""
    [line] = await wait_until(
        lambda: process.said("replica_started"), within=_STARTED_SECONDS, what=f"{process.name} started"
    )
    return UUID(line["replica_id"])
