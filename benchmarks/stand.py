"""The test stand: a PostgreSQL of our own, the receiver, and a fresh database for every measurement.

Each database is cloned from a template that holds one tenant, made through the API, with its signing secret
and a token without a rate limit: what is measured signs as in production. Durability is PostgreSQL's default
throughout: fsync, full_page_writes and synchronous_commit are on.
"""

import base64
import os
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx

from benchmarks.programs import Program, python
from benchmarks.receiver.control import Receiver
from core.db import Database, Raw
from local import postgres
from local.postgres import Postgres

SETTINGS = {
    "shared_preload_libraries": "pg_stat_statements",
    "shared_buffers": "1GB",
    "max_wal_size": "4GB",
    "synchronous_commit": "on",
    "max_connections": "300",
}
_TEMPLATE = "benchmark_template"
_PATIENT = {"statement_timeout": "0", "lock_timeout": "0", "idle_in_transaction_session_timeout": "0"}
_CALM = {"NOONMARK_LOG_LEVEL": "warning", "NOONMARK_METRICS_PORT": "0", "PORT": "0"}


class Room:
    """One database, and the processes that work on it."""

    def __init__(self, stand: "Stand", dsn: str, db: Raw) -> None:
        self.stand = stand
        self.dsn = dsn
        self.db = db

    def start(self, name: str, command: list[str], **settings: str) -> Program:
        """A process with this database and the installation's secrets."""
        environment = {**self.stand.environment, "DATABASE_URL": self.dsn, **settings}
        return Program(name, command, environment, folder=self.stand.folder)

    def scheduler(self, number: int = 1, **settings: str) -> Program:
        return self.start(f"scheduler-{number}", python("scheduler"), **settings)


class Stand:
    """What lasts for the whole run."""

    def __init__(self, folder: Path, server: Postgres, receiver: Receiver) -> None:
        self.folder = folder
        self.server = server
        self.receiver = receiver
        self.environment = {
            **_CALM,
            "NOONMARK_ENV": "development",
            "NOONMARK_MASTER_KEYS": "k1:" + base64.b64encode(os.urandom(32)).decode(),
            "NOONMARK_JWT_SECRET": base64.b64encode(os.urandom(48)).decode(),
            "NOONMARK_ADMIN_SECRET": os.urandom(24).hex(),
            "NOONMARK_EGRESS_ALLOW": "127.0.0.0/8",
        }
        self.tenant = UUID(int=0)
        self.token = ""

    @asynccontextmanager
    async def room(self) -> AsyncIterator[Room]:
        """A fresh database, dropped at the end."""
        name = f"benchmark_{uuid4().hex[:12]}"
        async with self._created(name, _TEMPLATE) as dsn, connected(dsn) as db:
            yield Room(self, dsn, db)

    @asynccontextmanager
    async def empty(self) -> AsyncIterator[str]:
        """A database without our schema, for a peer; its DSN."""
        async with self._created(f"peer_{uuid4().hex[:12]}", "template1") as dsn:
            yield dsn

    @asynccontextmanager
    async def _created(self, name: str, template: str) -> AsyncIterator[str]:
        async with connected(self.server.dsn) as db:
            await db.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield self._at(name)
        finally:
            async with connected(self.server.dsn) as db:
                await db.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _at(self, name: str) -> str:
        return urlsplit(self.server.dsn)._replace(path=f"/{name}").geturl()

    async def furnish(self) -> None:
        """Make the template: schema, extension, a tenant."""
        async with connected(self.server.dsn) as db:
            await db.execute(f'CREATE DATABASE "{_TEMPLATE}"')
        environment = {**self.environment, "DATABASE_URL": self._at(_TEMPLATE)}
        api = Program("furnishing", python("app", "--migrate"), environment, folder=self.folder)
        async with api:
            address = (await api.line()).removeprefix("ready ")
            made = await _tenant(address, self.environment)
        self.tenant, self.token = UUID(made["tenant"]["id"]), made["token"]["token"]
        async with connected(self._at(_TEMPLATE)) as db:
            await db.execute("CREATE EXTENSION pg_stat_statements")


async def _tenant(address: str, environment: Mapping[str, str]) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=address, trust_env=False) as api:
        operator = {"Authorization": f"Bearer {environment['NOONMARK_ADMIN_SECRET']}"}
        answer = await api.post("/v1/tenants", json={"name": "benchmark"}, headers=operator)
        made: dict[str, Any] = answer.raise_for_status().json()
        own = {"Authorization": f"Bearer {made['token']['token']}"}
        changed = await api.patch(
            f"/v1/tenants/{made['tenant']['id']}", json={"request_rate": 0}, headers=own
        )
        changed.raise_for_status()
    return made


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[Raw]:
    """A connection of the driver without limits of time."""
    database = Database(dsn, name="noonmark-benchmark", planning=_PATIENT)
    db = await database.dial(command_timeout=3600)
    try:
        yield db
    finally:
        await db.close()
        await database.close()


@asynccontextmanager
async def opened() -> AsyncIterator[Stand]:
    """All of it, in a folder that is gone afterwards."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="noonmark-benchmark-")))
        server = stack.enter_context(postgres.running(folder, settings=SETTINGS))
        receiver = await Receiver.started(folder, {})
        stack.push_async_callback(receiver.close)
        stand = Stand(folder, server, receiver)
        await stand.furnish()
        yield stand
