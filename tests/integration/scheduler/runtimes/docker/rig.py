"""Attempts in containers of an engine: orders with folders, and all that they print."""

from pathlib import Path
from uuid import UUID, uuid4

from core.egress.images import ImagePolicy, parse_image_policy
from core.jobs.targets import Limits
from core.logs.model import Stream
from scheduler.runtimes.docker.runtime import DockerRuntime
from scheduler.runtimes.runtime import Exit, Order, Work
from tests.integration.scheduler.runtimes.docker.daemon import Daemon
from tests.waiting import wait_until

BUSYBOX = "noonmark/busybox:1"
INSTALLATION = "tests"
ALLOWED = parse_image_policy("docker.io/noonmark/")


class Printed:
    """Output as it came."""

    def __init__(self) -> None:
        self.bytes = {stream: bytearray() for stream in Stream}

    def write(self, stream: Stream, data: bytes) -> None:
        self.bytes[stream] += data

    @property
    def out(self) -> str:
        return self.bytes[Stream.STDOUT].decode()

    @property
    def err(self) -> str:
        return self.bytes[Stream.STDERR].decode()


class Rig:
    """One runtime on an engine. Ages are not waited for: no container counts as too young to sweep."""

    def __init__(
        self,
        daemon: Daemon,
        folder: Path,
        *,
        images: ImagePolicy = ALLOWED,
        network: str | None = None,
        credentials: Path | None = None,
        away_seconds: float = 10.0,
        young_seconds: float = 0.0,
        installation: str = INSTALLATION,
    ) -> None:
        self.daemon = daemon
        self.folder = folder
        self.printed = Printed()
        self.runtime = DockerRuntime(
            daemon.socket,
            images=images,
            replica="tests",
            installation=installation,
            network=network,
            credentials=credentials,
            away_seconds=away_seconds,
            young_seconds=young_seconds,
        )

    def order(
        self,
        *command: str,
        image: str = BUSYBOX,
        environment: dict[str, str] | None = None,
        working_directory: str | None = None,
        params: bytes = b"null",
        limits: Limits | None = None,
        network: bool = False,
        grace_seconds: float = 5.0,
    ) -> Order:
        token = uuid4()
        return Order(
            job_id=uuid4(),
            attempt=1,
            lease_token=token,
            tenant_id=uuid4(),
            command=command,
            image=image,
            environment=environment or {},
            working_directory=working_directory,
            params=params,
            folder=make_folder(self.folder, token, params),
            limits=limits or Limits(),
            network=network,
            grace_seconds=grace_seconds,
        )

    async def begin(self, order: Order) -> Work:
        work = await self.runtime.start(order, self.printed)
        assert not isinstance(work, Exit), work
        return work

    async def carry_out(self, order: Order) -> Exit:
        work = await self.runtime.start(order, self.printed)
        return work if isinstance(work, Exit) else await work.wait()

    async def shell(self, script: str, *, limits: Limits | None = None) -> Exit:
        """The end of a script in the usual image."""
        return await self.carry_out(self.order("sh", "-c", script, limits=limits))

    async def until_printed(self, text: str) -> None:
        await wait_until(lambda: text in self.printed.out, within=20, what=f"{text!r} is printed")


def make_folder(root: Path, token: UUID, params: bytes) -> Path:
    folder = root / str(token)
    (folder / "out").mkdir(parents=True, mode=0o700)
    (folder / "params.json").write_bytes(params)
    (folder / "params.json").chmod(0o400)
    return folder
