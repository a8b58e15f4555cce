"""The contract between the scheduler and what runs code.

    start ──► Work ──wait──► Exit           stop: TERM, the order's grace, then KILL, for all it has started
      └─────► Exit (it could not be started)

The same for every runtime:

- The command is executed as it is given: no shell, no expansion. Without one, a container's image decides.
- The environment holds what the order says and nothing of ours. Its folder is there under
  ``NOONMARK_OUTPUT_DIR``, whatever that is called inside.
- Standard output and standard error go to the sink as they come, whole or in parts, and are never waited for.
- When ``wait`` has returned, nothing that the attempt has started is alive, and nothing of it is left behind
  but what lies in its folder. This holds after a success, a failure, a stop and a deadline alike.
- Nothing here is raised for what a job did: every end is an ``Exit``. An exception is a bug of ours, or the
  engine is away.
- What a replica that died has left behind is found again by its marks (labels, folders) and swept.
"""

from collections.abc import Collection
from enum import StrEnum
from pathlib import Path
from typing import Protocol
from uuid import UUID

from msgspec import Struct

from core.jobs.targets import Limits
from core.logs.model import Stream


class Order(Struct, frozen=True, kw_only=True):
    """One attempt to carry out."""

    job_id: UUID
    attempt: int
    lease_token: UUID
    tenant_id: UUID
    command: tuple[str, ...] = ()
    """Program and arguments; of a function, its `key@version` alone."""
    image: str | None = None
    environment: dict[str, str] = {}
    """All of it: the job's own, and the variables that every job gets."""
    working_directory: str | None = None
    """Inside; none is the runtime's choice."""
    params: bytes = b"null"
    """JSON. Also in the folder, and in the environment (``NOONMARK_PARAMS``) if it fits there."""
    folder: Path
    """The attempt's own, made before it starts: ``params.json`` (read only) and ``out/``."""
    inputs: tuple[str, ...] = ()
    """Names of files that came with the job, in ``in/`` of the folder; for functions alone."""
    limits: Limits = Limits()
    network: bool = False
    """Whether it may reach the network, where the runtime can tell."""
    grace_seconds: float = 10.0
    """Between TERM and KILL."""


class Ending(StrEnum):
    """How an attempt's code came to its end."""

    EXITED = "exited"
    """By itself, with an exit code."""
    SIGNALLED = "signalled"
    """By a signal that was not ours."""
    STOPPED = "stopped"
    """Because it was told to."""
    OUT_OF_MEMORY = "out_of_memory"
    """It wanted more memory than its limit."""
    IMAGE_ERROR = "image_error"
    """Its image is not allowed, not there or cannot be pulled."""
    NOT_STARTED = "not_started"
    """There is no such program, folder, user or function; nothing was run."""
    NODE_LOST = "node_lost"
    """The engine, or the node under it, went away; whether it went on is not known."""


class Exit(Struct, frozen=True, kw_only=True):
    """The end of an attempt's code."""

    how: Ending
    code: int | None = None
    """The exit code; 128 + n for signal n, as shells have it."""
    message: str = ""
    """A sentence for the user where `how` and `code` do not say enough; no path of the host, no secret."""


class Output(Protocol):
    """Takes what the code prints. Never blocks, never raises, keeps as much as it may."""

    def write(self, stream: Stream, data: bytes) -> None: ...


class Work(Protocol):
    """An attempt whose code runs."""

    async def wait(self) -> Exit:
        """Its end, once all it has started is gone. Cancelling this waits for nothing and stops nothing."""

    async def stop(self, *, timed_out: bool = False) -> None:
        """End it: TERM, grace, KILL. Returns at once when it is over; `wait` tells how it ended.

        `timed_out` is why, for code that is told: a function's hooks then see a failure and no cancel.
        """


class Runtime(Protocol):
    """Carries out orders of one kind."""

    async def start(self, order: Order, output: Output) -> Work | Exit:
        """Begin; an `Exit` if it could not be begun. Cancelling this leaves nothing that runs."""

    async def sweep(self, held: Collection[UUID]) -> int:
        """End and remove what this host's dead replicas have left; how many attempts.

        `held` are the lease tokens that live replicas hold.
        """

    async def close(self) -> None:
        """Let go of the engine; nothing is running any more."""
