"""Health, readiness and metrics of processes without an API."""

import asyncio
import socket
from typing import Any

import httpx
import pytest

from core import probes
from core.errors import SettingError
from core.probes import Probes, failing


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


async def broken() -> bool:
    raise OSError


async def hanging() -> bool:
    await asyncio.Event().wait()
    return True


async def get(app: Probes, path: str, *, method: str = "GET") -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://probes") as client:
        return await client.request(method, path)


def served(**checks: Any) -> Probes:
    return Probes(checks, host="127.0.0.1", port=0)


async def test_a_process_that_runs_is_healthy_whatever_its_checks_say() -> None:
    answer = await get(served(database=no), "/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_it_is_ready_when_every_check_passes() -> None:
    answer = await get(served(database=yes, beat=yes), "/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "failing": []})


async def test_a_failing_check_is_named() -> None:
    answer = await get(served(database=broken, beat=yes, partitions=no), "/readyz")
    assert (answer.status_code, answer.json()["failing"]) == (503, ["database", "partitions"])


async def test_a_check_that_hangs_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "_CHECK_SECONDS", 0.01)
    assert await failing({"database": hanging, "beat": yes}) == ["database"]


async def test_metrics_are_shown() -> None:
    answer = await get(served(), "/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "noonmark_in_flight" in answer.text


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/", 404), ("POST", "/readyz", 405)])
async def test_nothing_else_is_served(method: str, path: str, status: int) -> None:
    assert (await get(served(), path, method=method)).status_code == status


async def test_port_0_serves_nothing_and_ends_when_told() -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(served().run(stop))
    await asyncio.sleep(0)
    stop.set()
    await running


async def test_it_serves_until_it_is_told_to_stop_also_with_a_connection_open() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    stop = asyncio.Event()
    running = asyncio.create_task(Probes({"beat": yes}, host="127.0.0.1", port=port).run(stop))
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(retries=0)) as client:
        answer = await first_answer(client, f"http://127.0.0.1:{port}/readyz")
        assert answer.status_code == 200
        stop.set()
        async with asyncio.timeout(2):
            await running


async def first_answer(client: httpx.AsyncClient, url: str) -> httpx.Response:
    async with asyncio.timeout(5):
        while True:
            try:
                return await client.get(url)
            except httpx.ConnectError:
                await asyncio.sleep(0.01)


def test_a_port_that_is_taken_is_refused_by_the_name_of_its_setting() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SettingError, match="NOONMARK_METRICS_PORT: cannot listen"):
            Probes({"beat": yes}, host="127.0.0.1", port=taken.getsockname()[1])
