"""What running code costs beside the least that the system asks for it, and what its output costs the calls.

The yardsticks are a bare `posix_spawn` and wait for the same program, and `docker run --rm` from a shell. An
attempt of ours has more to do: a folder of its own, params, a clean environment, limits, the whole process
tree, pipes for what it prints, and the removal of all of it.
"""

import asyncio
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import msgspec

from benchmarks import lateness, throughput, work
from benchmarks.programs import Broken
from benchmarks.stand import Room, Stand
from core.egress.images import parse_image_policy
from core.jobs.model import Needs, NewJob
from core.jobs.targets import ContainerRuntime, ContainerTarget
from core.logs.model import Stream
from scheduler.runtimes import folder
from scheduler.runtimes.docker.runtime import DockerRuntime
from scheduler.runtimes.process import ProcessRuntime
from scheduler.runtimes.runtime import Exit, Order, Runtime

IMAGE = os.environ.get("BENCH_IMAGE", "busybox:latest")
"""An image that the engine has; it is not pulled."""
SOCKET = Path(os.environ.get("NOONMARK_DOCKER_SOCKET", "/var/run/docker.sock"))

_PROGRAM = "/bin/true"
_PROCESSES = 200
_CONTAINERS = 10
PRINTERS = 200
_LINES_PER_S = 10
_PAUSE = f"select(undef, undef, undef, {1 / _LINES_PER_S})"
_PRINT = f'$| = 1; while (1) {{ print "a line of a job at work\\n"; {_PAUSE} }}'
_LOOKS, _LOOK_SECONDS = 600, 0.2


class _Nothing:
    """Takes what is printed."""

    def write(self, stream: Stream, data: bytes) -> None:
        return


async def processes(root: Path) -> Mapping[str, float]:
    """Milliseconds of one attempt after another, of ours and of a bare spawn."""
    bare = await asyncio.to_thread(_spawned)
    return _beside(bare, await _each(ProcessRuntime(root), root, _PROCESSES, (_PROGRAM,), None))


def _spawned() -> float:
    started = time.perf_counter()
    for _ in range(_PROCESSES):
        os.waitpid(os.posix_spawn(_PROGRAM, [_PROGRAM], {}), 0)
    return (time.perf_counter() - started) / _PROCESSES


async def containers(root: Path) -> Mapping[str, float]:
    """The same for containers, beside `docker run`."""
    bare = await _docker_run()
    policy = parse_image_policy("*")
    runtime = DockerRuntime(SOCKET, images=policy, replica="benchmark", installation=uuid4().hex[:12])
    return _beside(bare, await _each(runtime, root, _CONTAINERS, ("true",), IMAGE))


async def _docker_run() -> float:
    engine = ("docker", "-H", f"unix://{SOCKET}")
    options = ("--rm", "--network", "none", "--pull", "never")
    started = time.perf_counter()
    for _ in range(_CONTAINERS):
        running = await asyncio.create_subprocess_exec(*engine, "run", *options, IMAGE, "true")
        if await running.wait():
            raise Broken(f"docker run {IMAGE} failed")
    return (time.perf_counter() - started) / _CONTAINERS


def _beside(bare: float, ours: float) -> dict[str, float]:
    return {"ms": ours * 1000, "bare_ms": bare * 1000, "ratio": ours / bare}


def has_engine() -> bool:
    """Whether there is a Docker Engine to measure with."""
    return SOCKET.is_socket() and shutil.which("docker") is not None


async def beside_printers(stand: Stand, count: int, *, printers: int) -> Mapping[str, float]:
    """Calls that are due at one instant, while so many processes print ten lines a second each."""
    async with (
        stand.room() as room,
        room.scheduler(
            NOONMARK_CONCURRENCY="1024", NOONMARK_RUNTIMES="process", NOONMARK_CODE_CONCURRENCY=str(PRINTERS)
        ) as scheduler,
    ):
        await work.store(room.db, iter([_printer(stand) for _ in range(printers)]))
        await _all_running(room, printers)
        await stand.receiver.reset()
        instant = lateness.start_of(count)
        await work.store(room.db, work.due_at(throughput.order(stand), [instant] * count))
        if time.time() > instant:
            raise Broken("storing took too long")
        await stand.receiver.until(count, scheduler)
        arrivals = sorted(at for _, at in await stand.receiver.ledger())
    return {"jobs_per_s": count / (arrivals[-1] - instant)}


async def _each(
    runtime: Runtime, root: Path, count: int, command: tuple[str, ...], image: str | None
) -> float:
    """Seconds of one attempt, from its folder to its removal."""
    started = time.perf_counter()
    for _ in range(count):
        name = folder.Name(uuid4(), 1, uuid4())
        made = await asyncio.to_thread(folder.make, root, name, b"null")
        order = Order(
            job_id=name.job_id, attempt=1, lease_token=name.lease_token, tenant_id=uuid4(), folder=made.path,
            command=command, image=image,
        )  # fmt: skip
        begun = await runtime.start(order, _Nothing())
        ended = begun if isinstance(begun, Exit) else await begun.wait()
        await asyncio.to_thread(made.remove)
        if ended.code != 0:
            raise Broken(f"an attempt ended as {ended}")
    seconds = (time.perf_counter() - started) / count
    await runtime.close()
    return seconds


def _printer(stand: Stand) -> NewJob:
    [like] = work.due_now(throughput.order(stand), 1)
    target = ContainerTarget(runtime=ContainerRuntime.PROCESS, command=("perl", "-e", _PRINT))
    return msgspec.structs.replace(
        like, target_type="container", target=msgspec.json.encode(target).decode(), body=b"null",
        needs=Needs.PROCESS, timeout_seconds=600,
    )  # fmt: skip


async def _all_running(room: Room, count: int) -> None:
    for _ in range(_LOOKS):
        if await room.db.fetchval("SELECT count(DISTINCT job_id) FROM logs") >= count:
            return
        await asyncio.sleep(_LOOK_SECONDS)
    raise Broken("not all of the printing processes came up")
