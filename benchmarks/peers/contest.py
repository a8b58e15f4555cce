"""Measuring a peer: throughput with and without HTTP, and lateness, by the same receiver and marks."""

import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial

import msgspec

from benchmarks import costs, figures, marks
from benchmarks.figures import Lateness
from benchmarks.peers.store import HERE, PYTHON, program, redis
from benchmarks.programs import Program
from benchmarks.stand import Stand
from benchmarks.throughput import Contender

_PATIENCE_SECONDS = 600.0

PEERS: Mapping[str, str] = {
    "bullmq": "bullmq.mjs",
    "graphile-worker": "graphile.mjs",
    "pgqueuer": "pgqueuer_worker.py",
}


class Running(msgspec.Struct, frozen=True):
    """A peer at work."""

    program: Program
    store_cpu: Callable[[], float]
    """CPU seconds of whatever keeps its jobs."""


def slug(peer: str) -> str:
    """A peer's name as a part of keys."""
    return peer.replace("-", "_")


def contenders(peer: str) -> dict[str, Contender]:
    """Its runs beside ours, by prefix."""
    return {
        f"peer_{slug(peer)}_http_": partial(_rate, peer, "http"),
        f"peer_{slug(peer)}_noop_": partial(_rate, peer, "noop"),
    }


async def lateness(stand: Stand, peer: str, *, rate: float, seconds: float) -> Lateness:
    """Fire to arrival at a steady rate."""
    count = int(rate * seconds)
    await stand.receiver.reset()
    async with running(stand, peer, "timed", count, rate) as peer_at_work:
        await stand.receiver.until(count, peer_at_work.program, within=_PATIENCE_SECONDS)
        calls = list(await stand.receiver.ledger())
    return figures.lateness(calls, figures.warm({job: int(job) / 1e6 for job, _ in calls}))


async def _rate(peer: str, mode: str, stand: Stand, count: int) -> Mapping[str, float]:
    async with running(stand, peer, mode, count) as at_work:
        seen = []
        for _ in range(2):
            jobs, at = marks.parse(await at_work.program.line(within=_PATIENCE_SECONDS))
            seen.append((jobs, at, at_work.program.cpu(), at_work.store_cpu()))
    jobs, seconds, cpu, store = (last - first for first, last in zip(*seen, strict=True))
    return {
        "jobs_per_s": jobs / seconds,
        "cpu_us_per_job": cpu / jobs * 1e6,
        "store_cpu_us_per_job": store / jobs * 1e6,
    }


@asynccontextmanager
async def running(
    stand: Stand, peer: str, mode: str, count: int, rate: float = 0.0
) -> AsyncIterator[Running]:
    """A peer with a store of its own."""
    command = [_interpreter(peer), str(program(PEERS[peer])), mode, str(count), str(rate)]
    target = {"TARGET": stand.receiver.url()}
    if peer == "bullmq":
        async with redis(stand.folder) as (server, port):
            environment = {**target, "REDIS_PORT": str(port)}
            async with Program(peer, command, environment, folder=stand.folder, where=HERE) as worker:
                yield Running(worker, server.cpu)
        return
    async with stand.empty() as dsn:
        environment = {**target, "DATABASE_URL": dsn}
        async with Program(peer, command, environment, folder=stand.folder, where=HERE) as worker:
            yield Running(worker, lambda: costs.of_tree(stand.server.pid or 0))


def _interpreter(peer: str) -> str:
    return str(PYTHON) if PEERS[peer].endswith(".py") else shutil.which("node") or "node"
