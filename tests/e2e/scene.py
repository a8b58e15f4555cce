"""Everything at once, for whoever watches: an installation at work, at fault, and coming and going."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from tests.e2e.fleet import Fleet, free_port
from tests.e2e.processes import Process
from tests.e2e.work import Work
from tests.waiting import wait_until

_RETRY = {"max_attempts": 2, "base_seconds": 0.2, "max_seconds": 0.3}


class Scene:
    """An API, two schedulers and a reaper that are watched; others come and go during `play`."""

    def __init__(self, fleet: Fleet, work: Work, folder: Path, collector: str) -> None:
        self._fleet = fleet
        self._work = work
        self._stack = contextlib.AsyncExitStack()
        self._settings = {
            "NOONMARK_RUNTIMES": "process",
            "NOONMARK_DATA_DIR": str(folder),
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }
        self.targets: dict[str, list[str]] = {}
        self._playing: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        fleet = self._fleet
        app = await self._stack.enter_async_context(fleet.app(settings=self._settings))
        await self._watched("scheduler", fleet.scheduler)
        await self._watched("scheduler", fleet.scheduler)
        await self._watched("reaper", fleet.reaper)
        url = await app.address()
        self.targets["server"] = [urlsplit(url).netloc]
        self._api = await self._stack.enter_async_context(fleet.client(url))
        return self

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        for task in self._playing:
            task.cancel()
        await asyncio.gather(*self._playing, return_exceptions=True)
        await self._stack.__aexit__(kind, error, trace)

    async def begin(self) -> None:
        """Work without end, and two replicas that come to theirs: one in order, one not."""
        await self._queue("one-at-a-time", max_concurrency=1)
        await self._queue("few", rate={"count": 2, "period_seconds": 1.0, "burst": 1})
        for what in (self._calls, self._limited, self._code, self._visits):
            self._playing.append(asyncio.create_task(self._again(what)))
        async with self._fleet.scheduler(settings=self._settings) as leaving:
            await self._work.beating(leaving)
            await self._work.elapsed(6)
        async with self._fleet.scheduler(settings=self._settings) as dying:
            await self._work.beating(dying)
            for _ in range(64):
                await self._made("hold=1", timeout_seconds=60)
            await wait_until(lambda: self._holds(dying), within=20, what="the dying one holds a lease")
            dying.kill()
        await self._work.elapsed(12)

    async def _holds(self, process: Process) -> bool:
        started = process.said("replica_started")
        if not started:
            return False
        return bool(
            await self._work.value(
                "SELECT count(*) FROM leases WHERE replica_id = $1::text::uuid AND due_at < now()",
                started[0]["replica_id"],
            )
        )

    async def _watched(self, job: str, start: Callable[..., Process]) -> None:
        port = free_port()
        await self._stack.enter_async_context(
            start(settings={**self._settings, "NOONMARK_METRICS_PORT": str(port)})
        )
        self.targets.setdefault(job, []).append(f"127.0.0.1:{port}")

    async def _queue(self, name: str, **limits: Any) -> None:
        answer = await self._api.post("/v1/queues", json={"name": name, **limits})
        assert answer.status_code == 201, answer.text

    async def _again(self, what: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                await what()
            await asyncio.sleep(0.25)

    async def _calls(self) -> None:
        for orders in ("", "", "", "fail=1", "status=404", "status=500", "after=0.2"):
            await self._made(orders)
        await self._made("", delay_seconds=1.5)

    async def _limited(self) -> None:
        for queue in ("one-at-a-time", "few"):
            await self._made("after=0.3", queue=queue)

    async def _code(self) -> None:
        target = {"type": "container", "runtime": "process", "command": ["/bin/echo", "hello"]}
        await self._api.post("/v1/jobs", json={"target": target, "retry": _RETRY})
        await asyncio.sleep(1)

    async def _visits(self) -> None:
        await self._api.get(f"/v1/jobs/{uuid4()}")
        await self._api.post("/v1/auth/magic-link", json={"email": f"{uuid4().hex}@example.com"})
        await asyncio.sleep(1)

    async def _made(self, orders: str, **given: Any) -> None:
        target = {"url": f"{self._fleet.target}/{self._work.group}/{uuid4().hex[:12]}?{orders}", "body": {}}
        answer = await self._api.post("/v1/jobs", json={"target": target, "retry": _RETRY, **given})
        assert answer.status_code == 201, answer.text
