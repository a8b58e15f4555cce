"""The examples that call the API, started as a user would start them."""

import asyncio
import os
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from core.db import Database
from core.jobs.model import Outcome
from tests.integration.app.jobs.orders import claim, come_due, settle

ROOT = Path(__file__).parents[3]
HOOK = "http://127.0.0.1:9/hook"

Start = Callable[..., Awaitable[Process]]


@pytest.fixture
def start(url: str, token: str) -> Start:
    """Starts an example, as whom the environment says."""

    async def started(name: str, *arguments: str) -> Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-u", "-m", f"examples.{name}", *arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env=os.environ | {"NOONMARK_URL": url, "NOONMARK_TOKEN": token},
        )

    return started


async def test_a_call_is_scheduled_and_followed_to_its_end(start: Start, database: Database) -> None:
    example = await start("schedule_a_call", HOOK)
    assert example.stdout is not None
    first = (await example.stdout.readline()).decode()
    assert " is scheduled, to fire at " in first
    await come_due(database)
    await settle(database, await claim(database), Outcome.SUCCEEDED, status=200)
    rest = [line.decode() for line in (await example.stdout.read()).splitlines()]
    assert rest[0].startswith("attempt 1: succeeded")
    assert rest[-1].endswith(" succeeded")
    assert await example.wait() == 0


async def test_what_cannot_be_scheduled_is_explained(start: Start) -> None:
    example = await start("schedule_a_call", "ftp://example.com")
    _, errors = await example.communicate()
    assert example.returncode == 1
    assert b"422 validation_failed" in errors
    assert b"/target/url" in errors


async def test_many_jobs_are_made_listed_and_cancelled_at_once(start: Start) -> None:
    example = await start("async_client", HOOK)
    told, errors = await example.communicate()
    assert (example.returncode, errors) == (0, b"")
    assert told == b"10 jobs wait\n10 are cancelled\n"
