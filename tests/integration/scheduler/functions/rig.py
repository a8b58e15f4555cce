"""Orders for functions, and what came of them."""

import json
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

from msgspec import Struct

from core.jobs.targets import Limits
from core.logs.model import Stream
from scheduler.runtimes.events import Happening
from scheduler.runtimes.function import FunctionRuntime
from scheduler.runtimes.function_work import FunctionWork
from scheduler.runtimes.runtime import Exit, Order
from tests.waiting import wait_until

MODULE = "tests.integration.scheduler.functions.module"


class Sink:
    """Keeps output."""

    def __init__(self) -> None:
        self.stdout = b""
        self.stderr = b""

    def write(self, stream: Stream, data: bytes) -> None:
        if stream is Stream.STDOUT:
            self.stdout += data
        else:
            self.stderr += data


class Told:
    """Keeps happenings."""

    def __init__(self) -> None:
        self.of: dict[str, list[Happening]] = {}

    def happened(self, order: Order, happening: Happening) -> None:
        self.of.setdefault(str(order.job_id), []).append(happening)


class Done(Struct, kw_only=True):
    """An attempt that is over."""

    exit: Exit
    result: Any
    stdout: str
    stderr: str
    happenings: list[Happening]


class Started(Struct, kw_only=True):
    """An attempt that is on."""

    order: Order
    work: FunctionWork
    sink: Sink
    told: Told

    async def printed(self, text: str) -> str:
        """The whole line that holds it, once it is there."""

        def line() -> str | None:
            lines = self.sink.stdout.decode().splitlines(keepends=True)
            return next((each for each in lines if text in each and each.endswith("\n")), None)

        found = await wait_until(line, within=30, what=f"{text!r} is printed")
        assert found is not None
        return found.strip()

    async def done(self) -> Done:
        end = await self.work.wait()
        path = self.order.folder / "out" / "result.json"
        return Done(
            exit=end,
            result=json.loads(path.read_text()) if path.exists() else None,
            stdout=self.sink.stdout.decode(),
            stderr=self.sink.stderr.decode(),
            happenings=self.told.of.get(str(self.order.job_id), []),
        )


class Rig:
    """A runtime with folders and ears."""

    def __init__(self, root: Path, **options: Any) -> None:
        self.told = Told()
        given: dict[str, Any] = {"modules": [MODULE], "events": self.told, **options}
        self.runtime = FunctionRuntime(**given)
        self._root = root

    def order(self, function: str, params: Any = None, **fields: Any) -> Order:
        job_id = uuid4()
        folder = self._root / str(job_id)
        (folder / "out").mkdir(parents=True)
        limits = Limits(memory_mb=fields.pop("memory_mb", None))
        given: dict[str, Any] = {"attempt": 1, "lease_token": uuid4(), "tenant_id": uuid4(), "limits": limits}
        text = json.dumps(params).encode()
        return Order(job_id=job_id, command=(function,), params=text, folder=folder, **(given | fields))

    async def start(self, function: str, params: Any = None, **fields: Any) -> Started:
        return await self.begin(self.order(function, params, **fields))

    async def begin(self, order: Order) -> Started:
        """An order as it is."""
        sink = Sink()
        work = await self.runtime.start(order, sink)
        assert isinstance(work, FunctionWork), work
        return Started(order=order, work=work, sink=sink, told=self.told)

    async def carry_out(self, function: str, params: Any = None, **fields: Any) -> Done:
        return await (await self.start(function, params, **fields)).done()


def alive(pid: int) -> bool:
    """A zombie is not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def offspring(pid: int) -> list[int]:
    """Direct children."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def hosts() -> list[int]:
    """Hosts of functions that this process has started."""
    return [
        pid
        for pid in offspring(os.getpid())
        if b"noonmark.functions.host" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
