"""A whole installation on one database: processes with short timings, and a receiver with its ledger.

The API runs as long as the fleet; schedulers and reapers are the test's own. Nothing is shared between two
fleets but perhaps the PostgreSQL server, and nothing outlives the test run.
"""

import base64
import contextlib
import os
import random
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

import httpx

from tests.capabilities import WITHOUT
from tests.e2e.ledger import Ledger
from tests.e2e.processes import Process
from tests.e2e.session import Session
from tests.pooler import Pooler

BEAT_SECONDS = 0.3
TTL_SECONDS = 2.0
DEFAULTS: Mapping[str, str] = {}
CALM: Mapping[str, str] = {"NOONMARK_BEAT_SECONDS": "1", "NOONMARK_LEASE_TTL_SECONDS": "15"}
"""For tests in which no lease is to run out, however slow the machine."""


class Fleet:
    """Starts processes on demand; each is a context of its own and is stopped by leaving that."""

    def __init__(self, dsn: str, folder: Path, *, pooler: Pooler | None = None) -> None:
        self.dsn = dsn
        self.served_dsn = pooler.before(dsn) if pooler else dsn
        """The same database as the API reaches it."""
        self._pooled = {"NOONMARK_POOLED": str(pooler is not None).lower()}
        self.folder = folder
        self.master_key = base64.b64encode(os.urandom(32)).decode()
        self.jwt_secret = base64.b64encode(os.urandom(48)).decode()
        self.started: list[Process] = []
        self.ledger = Ledger(folder / "ledger")
        self.target = ""
        self.url = ""

    def __enter__(self) -> Self:
        try:
            self._serve()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_raised: object) -> None:
        self.session.close()
        self._end()

    def _serve(self) -> None:
        receiver = self.start("receiver", "-m", "tests.e2e.receiver", str(self.folder / "ledger"))
        api = self.app()
        self.target = f"http://127.0.0.1:{receiver.first_line()}"
        self.url = api.first_line().removeprefix("ready ")
        self.session = Session(self.url)
        self.signs(self.session.signing_secrets())

    def _end(self) -> None:
        for process in self.started:
            process.kill()

    def scheduler(self, *, dsn: str | None = None, settings: Mapping[str, str] = DEFAULTS) -> Process:
        return self.start("scheduler", "-m", "scheduler", environment=self.environment(dsn, settings))

    def reaper(self, *, dsn: str | None = None, settings: Mapping[str, str] = DEFAULTS) -> Process:
        return self.start("reaper", "-m", "reaper", environment=self.environment(dsn, settings))

    def app(self, *arguments: str, dsn: str | None = None, settings: Mapping[str, str] = DEFAULTS) -> Process:
        """Another API beside the fleet's own."""
        environment = self.environment(dsn or self.served_dsn, settings) | self._pooled
        return self.start("app", "-m", "app", *arguments, environment=environment)

    @asynccontextmanager
    async def crew(
        self, schedulers: int, *, reapers: int = 1, settings: Mapping[str, str] = DEFAULTS
    ) -> AsyncIterator[list[Process]]:
        """Schedulers, with reapers beside them; only the schedulers are handed out."""
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(reapers):
                await stack.enter_async_context(self.reaper(settings=settings))
            yield [
                await stack.enter_async_context(self.scheduler(settings=settings)) for _ in range(schedulers)
            ]

    def start(self, kind: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Process:
        name = f"{kind}-{sum(1 for one in self.started if one.name.startswith(kind)) + 1}"
        process = Process(name, list(arguments), environment or {}, folder=self.folder)
        self.started.append(process)
        return process

    def environment(self, dsn: str | None, settings: Mapping[str, str]) -> dict[str, str]:
        ours = {
            "DATABASE_URL": dsn or self.dsn,
            "PORT": "0",
            "NOONMARK_ENV": "development",
            "NOONMARK_MASTER_KEYS": f"k1:{self.master_key}",
            "NOONMARK_JWT_SECRET": self.jwt_secret,
            "NOONMARK_STORAGE_URL": f"file://{self.folder}/storage",
            "NOONMARK_EGRESS_ALLOW": "127.0.0.0/8",
            "NOONMARK_BEAT_SECONDS": str(BEAT_SECONDS),
            "NOONMARK_LEASE_TTL_SECONDS": str(TTL_SECONDS),
            "NOONMARK_DRAIN_SECONDS": "10",
            "NOONMARK_WITHOUT": WITHOUT,
        }
        return ours | dict(settings)

    def client(self, url: str | None = None) -> httpx.AsyncClient:
        """Signed in; closed by whoever asked for it."""
        return httpx.AsyncClient(
            base_url=url or self.url, headers=self.session.headers(), timeout=30, trust_env=False
        )

    def release(self, group: str) -> None:
        """Let the held calls of a group go, and those that come later."""
        self._order(f"release/{group}")

    def signs(self, secrets: list[str]) -> None:
        """What deliveries are signed with."""
        self._order("secrets", secrets)

    def _order(self, what: str, content: list[str] | None = None) -> None:
        httpx.post(f"{self.target}/-/{what}", json=content or [], trust_env=False).raise_for_status()


def free_port() -> int:
    """For a process that cannot choose for itself; outside the range that outgoing connections take from."""
    while True:
        port = random.randint(20_000, 30_000)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
