"""PostgreSQL dies and comes back: everybody waits, nobody is lost, and nothing is started again by hand."""

import asyncio
import os
import signal
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest

from local import postgres
from local.postgres import Postgres
from tests.conftest import migrate
from tests.e2e.conftest import working
from tests.e2e.fleet import CALM, Fleet, free_port
from tests.e2e.work import Work
from tests.waiting import wait_until

_PATIENT = {"NOONMARK_LEASE_TTL_SECONDS": "4"}
_TERMINATE = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'noonmark-scheduler'
"""


class Frail(msgspec.Struct, frozen=True):
    """An installation whose PostgreSQL is its own."""

    server: Postgres
    fleet: Fleet

    def kill(self) -> None:
        assert self.server.pid is not None
        os.kill(self.server.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Frail]:
    folder = tmp_path_factory.mktemp("frail")
    with postgres.running(folder) as server:
        asyncio.run(migrate(server.dsn))
        with Fleet(server.dsn, folder) as fleet:
            yield Frail(server, fleet)


@pytest.fixture
def frail(installed: Frail) -> Iterator[Frail]:
    """Up, whatever an earlier test did to it."""
    yield installed
    if installed.server.pid is None:
        installed.server.start()


class Insisting:
    """A user who repeats each request, under its Idempotency-Key, until it is acknowledged."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self.refused: list[int | None] = []
        """What was answered instead; none for no answer."""

    async def ask(self, stop: asyncio.Event, *, orders: str) -> None:
        while not stop.is_set():
            asked = self._work.job(orders)
            await self._until_acknowledged(asked, str(uuid4()))

    async def acknowledged(self, count: int) -> None:
        """So many more jobs from now on."""
        wanted = len(self._work.promises) + count
        await wait_until(
            lambda: len(self._work.promises) >= wanted, within=30, what=f"{count} more are acknowledged"
        )

    async def _until_acknowledged(self, asked: dict[str, Any], key: str) -> None:
        async def look() -> bool:
            try:
                answer = await self._work.api.post("/v1/jobs", json=asked, headers={"Idempotency-Key": key})
            except httpx.TransportError:
                self.refused.append(None)
                return False
            if answer.status_code in (200, 201):
                self._work.promise(asked, UUID(answer.json()["id"]))
                return True
            self.refused.append(answer.status_code)
            return False

        await wait_until(look, within=60, what="the job is acknowledged")


@pytest.mark.promise(1)
async def test_postgresql_killed_under_load_costs_no_acknowledged_job(frail: Frail) -> None:
    async with working(frail.fleet) as work, frail.fleet.crew(2, settings=CALM) as crew:
        user, enough = Insisting(work), asyncio.Event()
        asking = asyncio.create_task(user.ask(enough, orders="after=0.3"))
        await work.arrived(20)
        await work.strike("PostgreSQL is killed", *crew)
        frail.kill()
        for scheduler in crew:
            scheduler.resume()
        await wait_until(lambda: len(user.refused) >= 3, within=20, what="requests are refused")
        frail.server.start()
        await user.acknowledged(20)
        enough.set()
        await asking
        await work.ended(within=60)
        report = await work.check()
    assert report.acked == report.delivered
    assert set(user.refused) == {503}


@pytest.mark.promise(3)
async def test_an_outage_longer_than_the_leases_costs_one_attempt_and_is_no_dead_fleet(frail: Frail) -> None:
    fleet = frail.fleet
    async with working(fleet) as work, fleet.reaper(settings=_PATIENT) as reaper:
        async with fleet.scheduler(settings=_PATIENT) as scheduler:
            await work.submit(3, orders="hold=1")
            await work.arrived(3)
            await work.strike("PostgreSQL is killed", scheduler)
            frail.kill()
            scheduler.resume()
            await wait_until(
                lambda: all(one.dropped for one in work.arrivals()), within=15, what="the calls are cut off"
            )
            frail.server.start()
            await work.ended()
            assert (await work.check()).duplicates == 3
        assert [one.outcome for one in await work.attempts()] == ["interrupted", "succeeded"] * 3
        assert reaper.said("lease_reaped") == []


async def test_while_the_database_is_away_probes_tell_and_requests_are_asked_to_come_back(
    frail: Frail,
) -> None:
    port = free_port()
    settings = {**CALM, "NOONMARK_METRICS_PORT": str(port)}
    async with (
        working(frail.fleet) as work,
        frail.fleet.scheduler(settings=settings) as scheduler,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as probes,
    ):
        await work.beating(scheduler)
        await wait_until(lambda: _ready(probes), within=10, what="the scheduler is ready")
        frail.kill()
        for client in (work.api, probes):
            assert (await client.get("/healthz")).status_code == 200
            answer = await client.get("/readyz")
            assert (answer.status_code, "database" in answer.text) == (503, True)
        answer = await work.api.post("/v1/jobs", json=work.job())
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert int(answer.headers["Retry-After"]) > 0
        frail.server.start()
        await wait_until(lambda: _ready(work.api), within=10, what="the API is ready again")
        await wait_until(lambda: _ready(probes), within=10, what="the scheduler is ready again")
        await work.submit()
        await work.ended()
        await work.check()


@pytest.mark.promise(3)
async def test_connections_that_are_terminated_again_and_again_duplicate_nothing(frail: Frail) -> None:
    async with working(frail.fleet) as work, frail.fleet.crew(2, settings=CALM) as crew:
        for scheduler in crew:
            await work.beating(scheduler)
        ended = 0
        for _ in range(10):
            await work.submit(10, orders="after=0.05")
            ended += await work.value(_TERMINATE)
        await work.ended(within=60)
        report = await work.check()
    assert ended >= 10
    assert report.duplicates == 0
    assert len(work.arrivals()) == 100


@pytest.mark.heavy
@pytest.mark.timeout(300)
@pytest.mark.promise(1)
async def test_postgresql_killed_ten_times_under_load_costs_no_acknowledged_job(frail: Frail) -> None:
    async with working(frail.fleet) as work, frail.fleet.crew(2, reapers=2) as crew:
        user, enough = Insisting(work), asyncio.Event()
        asking = asyncio.create_task(user.ask(enough, orders="after=0.3"))
        for _ in range(10):
            await user.acknowledged(30)
            await work.strike("PostgreSQL is killed", *crew, sure=False)
            frail.kill()
            for scheduler in crew:
                scheduler.resume()
            frail.server.start()
        enough.set()
        await asking
        await work.ended(within=60)
        report = await work.check()
    assert report.acked == report.delivered
    assert report.excused > 0


@pytest.mark.heavy
@pytest.mark.timeout(300)
@pytest.mark.promise(1)
async def test_an_outage_of_20_seconds_under_load_ends_by_itself(frail: Frail) -> None:
    async with working(frail.fleet) as work, frail.fleet.crew(2) as crew:
        user, enough = Insisting(work), asyncio.Event()
        asking = asyncio.create_task(user.ask(enough, orders="after=0.3"))
        await work.arrived(20)
        await work.strike("PostgreSQL is away", *crew)
        frail.kill()
        for scheduler in crew:
            scheduler.resume()
        await work.elapsed(20)
        frail.server.start()
        await user.acknowledged(20)
        enough.set()
        await asking
        await work.ended(within=60)
        report = await work.check()
    assert report.acked == report.delivered
    assert set(user.refused) == {503}


async def _ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).status_code == 200
    except httpx.TransportError:
        return False
