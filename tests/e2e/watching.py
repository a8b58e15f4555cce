"""A real Prometheus for a test: scrapes real processes every second, by our own rules."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from local import child
from tests.e2e.fleet import free_port
from tests.e2e.processes import ROOT
from tests.waiting import wait_until

PROGRAM = Path("/usr/bin/prometheus")
RULES = ROOT / "infra" / "observability" / "prometheus" / "rules"


class Prometheus:
    """Its HTTP API."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.AsyncClient(base_url=f"{url}/api/v1", trust_env=False, timeout=30)

    async def close(self) -> None:
        await self._http.aclose()

    async def get(self, path: str, **parameters: str) -> Any:
        answer = await self._http.get(path, params=parameters)
        assert answer.status_code == 200, f"{parameters}: {answer.text}"
        return answer.json()["data"]

    async def values(self, expr: str) -> list[float]:
        """What an expression comes to now; what is no number is left out."""
        found = (await self.get("/query", query=expr))["result"]
        numbers = [float(each["value"][1]) for each in found]
        return [number for number in numbers if number == number]

    async def rules(self) -> list[dict[str, Any]]:
        return [rule for group in (await self.get("/rules"))["groups"] for rule in group["rules"]]

    async def exemplars(self, series: str, since: float, until: float) -> list[dict[str, Any]]:
        found = await self.get("/query_exemplars", query=series, start=str(since), end=str(until))
        return [exemplar for each in found for exemplar in each["exemplars"]]


@asynccontextmanager
async def scraping(folder: Path, targets: Mapping[str, Iterable[str]]) -> AsyncIterator[Prometheus]:
    """Scrapes these addresses by the names of their jobs for as long as the block runs."""
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "2s"},
        "rule_files": [str(RULES / "*.yml")],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": list(addresses)}]}
            for job, addresses in targets.items()
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    port = free_port()
    command = [
        str(PROGRAM),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--enable-feature=exemplar-storage",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *child.command(command, on_parent_death=signal.SIGKILL), stdout=log, stderr=log
        )
    opened = Prometheus(f"http://127.0.0.1:{port}")
    try:
        await wait_until(lambda: _ready(opened.url), within=30, what="Prometheus is ready")
        yield opened
    finally:
        await opened.close()
        process.kill()
        await process.wait()


async def _ready(url: str) -> bool:
    async with httpx.AsyncClient(trust_env=False) as http:
        with contextlib.suppress(httpx.HTTPError):
            return (await http.get(f"{url}/-/ready")).status_code == 200
    return False
