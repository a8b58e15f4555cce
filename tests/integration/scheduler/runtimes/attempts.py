"""Attempts for tests of the process runtime: orders with folders, their output, and what of them is alive."""

import os
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from uuid import UUID, uuid4

from core.jobs.targets import Limits
from core.logs.model import Stream
from scheduler.runtimes import folder
from scheduler.runtimes.process import ProcessRuntime
from scheduler.runtimes.runtime import Exit, Order, Work

NOBODY = (65534, 65534)
PYTHON = sys.executable


class Recorded:
    """Output as it came; of a flood only how much there was."""

    def __init__(self, keep: int = 4 * 1024 * 1024) -> None:
        self._keep = keep
        self.size = {Stream.STDOUT: 0, Stream.STDERR: 0}
        self.kept = {Stream.STDOUT: bytearray(), Stream.STDERR: bytearray()}

    def write(self, stream: Stream, data: bytes) -> None:
        self.size[stream] += len(data)
        self.kept[stream] += data[: max(0, self._keep - len(self.kept[stream]))]

    @property
    def text(self) -> str:
        return self.kept[Stream.STDOUT].decode(errors="replace")


class Attempts:
    """Starts attempts on one runtime."""

    def __init__(self, root: Path, *, user: tuple[int, int] | None = None, file_mb: int = 64) -> None:
        self.root = root
        self.user = user
        self.runtime = ProcessRuntime(root, user=user, file_mb=file_mb)
        self.output = Recorded()
        self.folders: list[folder.Folder] = []

    def order(
        self,
        *command: str,
        environment: dict[str, str] | None = None,
        working_directory: str | None = None,
        params: bytes = b"null",
        limits: Limits | None = None,
        grace_seconds: float = 5.0,
    ) -> Order:
        name = folder.Name(uuid4(), 1, uuid4())
        made = folder.make(self.root, name, params, owner=self.user)
        self.folders.append(made)
        return Order(
            job_id=name.job_id,
            attempt=name.attempt,
            lease_token=name.lease_token,
            tenant_id=uuid4(),
            command=command,
            environment=environment or {},
            working_directory=working_directory,
            params=params,
            folder=made.path,
            limits=limits or Limits(),
            grace_seconds=grace_seconds,
        )

    async def begin(self, order: Order) -> Work:
        work = await self.runtime.start(order, self.output)
        assert not isinstance(work, Exit), work
        return work

    async def carry_out(self, order: Order) -> Exit:
        work = await self.runtime.start(order, self.output)
        return work if isinstance(work, Exit) else await work.wait()

    async def close(self) -> None:
        await self.runtime.close()
        for made in self.folders:
            made.remove()


def alive(word: str) -> list[int]:
    """The processes that have this word in their command line; zombies have none."""
    pids = [int(entry) for entry in os.listdir("/proc") if entry.isdecimal()]
    return [pid for pid in pids if pid != os.getpid() and word in " ".join(_command(pid))]


def asleep(seconds: str) -> list[int]:
    """Those of them that are `sleep` itself, and not what was told to start it."""
    return [pid for pid in alive(seconds) if _command(pid) == ["sleep", seconds]]


def parent(pid: int) -> int:
    with open(f"/proc/{pid}/stat") as about:
        return int(about.read().rpartition(")")[2].split()[1])


def below(pid: int) -> Collection[int]:
    """The children of a process."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            with suppress(OSError):
                if parent(int(entry)) == pid:
                    found.append(int(entry))
    return found


def _command(pid: int) -> list[str]:
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return line.decode(errors="replace").split("\0")[:-1]


def nap() -> str:
    """Seconds to sleep, far longer than any test, and unlike those of any other."""
    return f"600.{UUID(int=uuid4().int).int % 10**12:012d}"
