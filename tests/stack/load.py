"""People who use the API without a break, never repeat a call, and write down each that failed."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Self

import httpx

from tests.waiting import wait_until

_PAUSE_SECONDS = 0.02
_AT_ONCE = 20


class Load:
    """What was asked, and how it went."""

    def __init__(self, url: str, headers: Mapping[str, str], target: str) -> None:
        self._http = httpx.AsyncClient(base_url=url, headers=dict(headers), timeout=20, trust_env=False)
        self._target = target
        self._over = asyncio.Event()
        self.answers: Counter[str] = Counter()
        self.failures: list[str] = []
        self.jobs: list[str] = []

    async def create(self) -> None:
        """A job that fires at once, and a look at it."""
        answer = await self._ask("POST", "/v1/jobs", json={"target": {"url": self._target}})
        if answer is not None:
            self.jobs.append(str(answer.json()["id"]))
            await self._ask("GET", f"/v1/jobs/{self.jobs[-1]}")

    async def until_over(self) -> None:
        """Every job was delivered."""

        async def succeeded(job: str) -> bool:
            answer = await self._ask("GET", f"/v1/jobs/{job}")
            return answer is not None and answer.json()["state"] == "succeeded"

        for first in range(0, len(self.jobs), _AT_ONCE):
            waits = [
                wait_until(partial(succeeded, job), within=60, what=f"{job} succeeds")
                for job in self.jobs[first : first + _AT_ONCE]
            ]
            await asyncio.gather(*waits)

    async def _ask(self, method: str, path: str, json: object = None) -> httpx.Response | None:
        try:
            answer = await self._http.request(method, path, json=json)
        except httpx.HTTPError as error:
            self.failures.append(f"{method}: {error!r}")
            return None
        self.answers[f"{method} {answer.status_code}"] += 1
        if not answer.is_success:
            self.failures.append(f"{method} {answer.status_code}: {answer.text[:200]}")
            return None
        return answer

    async def _go_on(self) -> None:
        while not self._over.is_set():
            await self.create()
            await asyncio.sleep(_PAUSE_SECONDS)

    @asynccontextmanager
    async def running(self, people: int) -> AsyncIterator[None]:
        """While the block runs, so many people ask."""
        tasks = [asyncio.create_task(self._go_on()) for _ in range(people)]
        try:
            yield
        finally:
            self._over.set()
            await asyncio.gather(*tasks)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_raised: object) -> None:
        await self._http.aclose()
