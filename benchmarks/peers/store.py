"""What the peers keep their jobs in, and whether their tools are here."""

import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.programs import ROOT, Broken, Program

HERE = Path(__file__).parent
INSTALLED = ROOT / ".venv-peers"
"""The peers' own environment: a Python's and a Node's in one folder."""

PYTHON = INSTALLED / "bin" / "python"


def missing(peer: str) -> str | None:
    """Why a peer cannot run here; none if it can."""
    if peer == "pgqueuer":
        return None if PYTHON.exists() else ".venv-peers is missing (make bench makes it)"
    if shutil.which("node") is None:
        return "node is missing"
    if not (INSTALLED / "node_modules" / peer).is_dir():
        return "its package is missing (make bench installs it)"
    if peer == "bullmq" and shutil.which("redis-server") is None:
        return "redis-server is missing"
    return None


def program(script: str) -> Path:
    """Where a peer's program runs: Node finds packages beside a program alone, and these lie elsewhere."""
    if script.endswith(".py"):
        return HERE / script
    for source in HERE.glob("*.mjs"):
        shutil.copy(source, INSTALLED)
    return INSTALLED / script


@asynccontextmanager
async def redis(folder: Path) -> AsyncIterator[tuple[Program, int]]:
    """A redis of our own, without any durability, and its port."""
    found, port = shutil.which("redis-server"), _free_port()
    if found is None:
        raise Broken("redis-server is missing")
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    async with Program("redis", [found, *options], {}, folder=folder, where=folder) as server:
        while "Ready to accept connections" not in await server.line():
            pass
        yield server, port


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
