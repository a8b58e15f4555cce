"""A real Prometheus for a test, by our own rules, with a real Alertmanager that tells somebody."""

import asyncio
import contextlib
import json
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


class Pager:
    """Somebody who is told of alerts, by a webhook."""

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []

    def firing(self, name: str) -> list[dict[str, Any]]:
        return [
            one for one in self.alerts if one["status"] == "firing" and one["labels"]["alertname"] == name
        ]

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                length = next(line for line in head.splitlines() if line.startswith("content-length:"))
                body = await reader.readexactly(int(length.partition(":")[2]))
                self.alerts += json.loads(body)["alerts"]
                writer.write(b"HTTP/1.1 204 -\r\n\r\n")
        writer.close()


@asynccontextmanager
async def alerting(folder: Path) -> AsyncIterator[tuple[Pager, str]]:
    """A real Alertmanager that tells a pager at once; the pager, and the address that alerts go to."""
    pager = Pager()
    server = await asyncio.start_server(pager.connected, "127.0.0.1", 0)
    hook = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    configuration = {
        "route": {"receiver": "pager", "group_by": ["alertname"], "group_wait": "1s"},
        "receivers": [{"name": "pager", "webhook_configs": [{"url": hook}]}],
    }
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(configuration))
    address = f"127.0.0.1:{free_port()}"
    command = [
        "/usr/bin/prometheus-alertmanager",
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    async with _running(command, folder / "alertmanager.log", f"http://{address}"):
        yield pager, address
    server.close()


@asynccontextmanager
async def scraping(
    folder: Path, targets: Mapping[str, Iterable[str]], *, alerts_to: str
) -> AsyncIterator[Prometheus]:
    """Scrapes these addresses by the names of their jobs for as long as the block runs."""
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "2s"},
        "rule_files": [str(RULES / "*.yml")],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alerts_to]}]}]},
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": list(addresses)}]}
            for job, addresses in targets.items()
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    address = f"127.0.0.1:{free_port()}"
    command = [
        "/usr/bin/prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address={address}",
        "--enable-feature=exemplar-storage",
    ]
    async with _running(command, folder / "prometheus.log", f"http://{address}"):
        opened = Prometheus(f"http://{address}")
        yield opened
        await opened.close()


@asynccontextmanager
async def _running(command: list[str], log: Path, url: str) -> AsyncIterator[None]:
    """A program that says when it is ready, and cannot outlive us."""
    with log.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            *child.command(command, on_parent_death=signal.SIGKILL), stdout=written, stderr=written
        )
    try:
        await wait_until(lambda: _ready(url), within=30, what=f"{command[0]} is ready")
        yield
    finally:
        process.kill()
        await process.wait()


async def _ready(url: str) -> bool:
    async with httpx.AsyncClient(trust_env=False) as http:
        with contextlib.suppress(httpx.HTTPError):
            return (await http.get(f"{url}/-/ready")).status_code == 200
    return False
