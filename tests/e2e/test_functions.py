"""The functions that come with us, through the whole installation: what the operator allows reaches them."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.fleet import CALM, Fleet
from tests.e2e.processes import Process
from tests.e2e.test_code import ended, submit
from tests.e2e.work import Work


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    return {**CALM, "NOONMARK_RUNTIMES": "function", "NOONMARK_DATA_DIR": str(tmp_path)}


@pytest.fixture
async def scheduler(fleet: Fleet, settings: Mapping[str, str]) -> AsyncIterator[Process]:
    async with fleet.scheduler(settings=settings) as process:
        yield process


def function(name: str, **params: Any) -> dict[str, Any]:
    return {"type": "function", "function": name, "params": params}


async def test_an_api_is_called_where_the_operator_allows_it(
    scheduler: Process, fleet: Fleet, work: Work
) -> None:
    over = await ended(work, await submit(work, function("call.api@1", url=f"{fleet.url}/healthz")))
    assert (over["state"], over["last_error"]) == ("succeeded", None)
    result = over["result"]
    assert (result["status"], result["body"], result["truncated"]) == (200, {"status": "ok"}, False)


async def test_an_api_is_not_called_where_the_operator_does_not_allow_it(
    fleet: Fleet, settings: Mapping[str, str], work: Work
) -> None:
    async with fleet.scheduler(settings={**settings, "NOONMARK_EGRESS_ALLOW": "10.0.0.0/8"}):
        over = await ended(work, await submit(work, function("call.api@1", url=f"{fleet.url}/healthz")))
    assert (over["state"], over["attempts_made"]) == ("failed", 1)
    assert "not a public address" in over["last_error"]["message"]
