"""The API on a real socket of loopback, and the two clients and jobctl of a user who signed in there."""

import asyncio
import base64
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import noonmark
from app.edge import Edge
from app.server import Server
from core.listening import listen
from core.settings import Settings, load
from tests.integration.app.conftest import ORIGIN, SignIn, api, ask, edge, keyring, routes, sign_in

__all__ = ["api", "ask", "edge", "keyring", "routes", "sign_in"]

ROOT = Path(__file__).parents[3]


class Result(NamedTuple):
    """How jobctl ended."""

    exit_code: int
    stdout: str
    stderr: str


Jobctl = Callable[..., Awaitable[Result]]


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """As in development: loopback may be called."""
    return load(
        {
            "DATABASE_URL": database_url,
            "PUBLIC_URL": ORIGIN,
            "NOONMARK_ENV": "development",
            "NOONMARK_STORAGE_URL": f"file://{tmp_path}/files",
            "NOONMARK_EGRESS_ALLOW": "127.0.0.0/8",
            "NOONMARK_JWT_SECRET": "a secret of tests, of 32 bytes and more",
            "NOONMARK_MASTER_KEYS": "test:" + base64.b64encode(b"k" * 32).decode(),
        }
    )


@pytest.fixture
async def url(edge: Edge) -> AsyncIterator[str]:
    """Where the API serves."""
    with listen("127.0.0.1", 0, setting="PORT") as listener:
        server = Server(edge)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.leave()
        await serving


@pytest.fixture
async def token(sign_in: SignIn) -> str:
    """A user's access token."""
    granted = await sign_in("me@example.com")
    return str(granted["access_token"])


@pytest.fixture
async def client(url: str, token: str) -> AsyncIterator[noonmark.AsyncClient]:
    async with noonmark.AsyncClient(url, token) as opened:
        yield opened


@pytest.fixture
def environment(url: str, tmp_path: Path) -> dict[str, str]:
    """This server, and a config folder of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return kept | {"XDG_CONFIG_HOME": str(tmp_path), "NOONMARK_URL": url}


@pytest.fixture
def anybody(environment: dict[str, str]) -> Jobctl:
    """jobctl as a process, of somebody who is not signed in."""

    async def invoke(*arguments: str) -> Result:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "noonmark.command", *arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env=environment,
        )
        stdout, stderr = await process.communicate()
        return Result(await process.wait(), stdout.decode(), stderr.decode())

    return invoke


@pytest.fixture
def jobctl(anybody: Jobctl, token: str, environment: dict[str, str]) -> Jobctl:
    """jobctl of the user."""
    environment["NOONMARK_TOKEN"] = token
    return anybody
