"""The API under faults: links cut around a commit, SIGTERM in the middle of a request, starts that meet."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import httpx
import pytest

from tests.conftest import at
from tests.e2e.conftest import execute
from tests.e2e.fleet import CALM, Fleet
from tests.e2e.proxy import Proxy, Where
from tests.e2e.work import Work
from tests.waiting import wait_until

_CREATE = "INSERT INTO jobs"


@pytest.fixture
async def empty(fleet: Fleet) -> AsyncIterator[str]:
    """DSN of a database that was never migrated."""
    name = f"empty_{uuid4().hex[:12]}"
    await execute(fleet.dsn, f'CREATE DATABASE "{name}"')
    yield at(fleet.dsn, name)
    await execute(fleet.dsn, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.mark.promise(1)
@pytest.mark.parametrize("where", list(Where))
async def test_a_request_whose_link_to_the_database_was_cut_makes_one_job_when_repeated(
    fleet: Fleet, work: Work, where: Where
) -> None:
    asked, key = work.job(), {"Idempotency-Key": str(uuid4())}
    async with Proxy(fleet.served_dsn) as proxy, fleet.app(dsn=proxy.dsn) as app:
        creating = proxy.point(_CREATE, where)
        async with fleet.client(await app.address()) as client:
            request = asyncio.create_task(client.post("/v1/jobs", json=asked, headers=key))
            await creating.stopped()
            creating.cut()
            first = await request
            again = await client.post("/v1/jobs", json=asked, headers=key)
    assert first.status_code == 503
    assert again.status_code == (200 if where is Where.AFTER else 201)
    work.promise(asked, UUID(again.json()["id"]))
    async with fleet.crew(1, settings=CALM):
        await work.ended()
    await work.check()
    assert await work.stored() == 1


@pytest.mark.promise(1)
async def test_an_api_that_is_told_to_stop_finishes_the_request_in_its_hands(
    fleet: Fleet, work: Work
) -> None:
    asked = work.job()
    async with Proxy(fleet.served_dsn) as proxy, fleet.app(dsn=proxy.dsn) as app:
        creating = proxy.point(_CREATE, Where.BEFORE)
        async with fleet.client(await app.address()) as client:
            request = asyncio.create_task(client.post("/v1/jobs", json=asked))
            await creating.stopped()
            app.tell(signal.SIGTERM)
            await wait_until(lambda: _refuses(client), within=10, what="new connections are refused")
            creating.release()
            answer = await request
        assert await app.exit() == 0
    assert answer.status_code == 201
    work.promise(asked, UUID(answer.json()["id"]))
    async with fleet.crew(1, settings=CALM):
        await work.ended()
    await work.check()


async def test_three_apis_that_migrate_an_empty_database_at_once_all_serve(fleet: Fleet, empty: str) -> None:
    async with contextlib.AsyncExitStack() as stack:
        started = [await stack.enter_async_context(fleet.app("--migrate", dsn=empty)) for _ in range(3)]
        for url in [await app.address() for app in started]:
            async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
                assert (await client.get("/readyz")).status_code == 200


@pytest.mark.parametrize("kind", ["app", "scheduler", "reaper"])
async def test_a_process_on_a_database_without_tables_says_so_and_ends(
    fleet: Fleet, empty: str, kind: str
) -> None:
    process = fleet.start(kind, "-m", kind, environment=fleet.environment(empty, {}))
    assert await process.exit(within=20) in (1, 2)
    assert "python -m app migrate" in process.tail(1)
    assert "Traceback" not in process.tail(1000)


async def _refuses(client: httpx.AsyncClient) -> bool:
    async with httpx.AsyncClient(base_url=client.base_url, trust_env=False) as fresh:
        try:
            await fresh.get("/healthz")
        except (httpx.ConnectError, httpx.RemoteProtocolError):
            # Accepted by the system for a socket that closes just now: hung up on unread, it is refused, too.
            return True
        return False
