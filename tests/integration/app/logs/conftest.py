"""A tenant's client, a job of it that runs, and a server on a socket."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest

from app import application
from app.application import Routes
from app.edge import Edge
from app.logs.following import Streams
from app.server import Server
from core.db import Database
from core.jobs.model import Lease
from core.listening import listen
from core.sealing import Keyring
from core.settings import Settings
from tests.integration.app.conftest import SignIn, bearer, client
from tests.printing import claimed


@pytest.fixture
def streams() -> Streams:
    return Streams(most=3, most_of_one=2)


@pytest.fixture
def edge(settings: Settings, database: Database, keyring: Keyring, streams: Streams, routes: Routes) -> Edge:
    return application.build(settings, database, keyring, streams=streams, routes=routes)


@pytest.fixture
async def mine(edge: Edge, sign_in: SignIn) -> AsyncIterator[httpx.AsyncClient]:
    async with client(edge) as opened:
        opened.headers.update(bearer(await sign_in("me@example.com")))
        yield opened


@pytest.fixture
async def theirs(edge: Edge, sign_in: SignIn) -> AsyncIterator[httpx.AsyncClient]:
    async with client(edge) as opened:
        opened.headers.update(bearer(await sign_in("somebody.else@example.com")))
        yield opened


@pytest.fixture
async def lease(mine: httpx.AsyncClient, direct: Database) -> Lease:
    """A job of mine that runs."""
    made = await mine.post("/v1/jobs", json={"target": {"url": "https://example.com/"}})
    assert made.status_code == 201, made.text
    async with direct.raw() as db:
        queue = await db.fetchval("SELECT queue_id FROM jobs WHERE id = $1", UUID(made.json()["id"]))
        [lease] = await claimed(db, queue)
    return lease


@pytest.fixture
async def serving(edge: Edge, streams: Streams) -> AsyncIterator[Server]:
    """The API on a socket; its `port` is set."""
    with listen("127.0.0.1", 0, setting="PORT") as listener:
        server = Server(edge, leaving=streams.close)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        server.config.port = listener.getsockname()[1]
        yield server
        server.leave()
        await task


@pytest.fixture
async def live(serving: Server, mine: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """The same client over the socket, so that answers come as they are written."""
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{serving.config.port}",
        headers={"Authorization": mine.headers["Authorization"]},
        timeout=20,
    ) as opened:
        yield opened
