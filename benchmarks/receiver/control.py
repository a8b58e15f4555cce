"""Asking the receiver what it has seen."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from benchmarks.programs import Broken, Program, python
from benchmarks.receiver.ledger import Ledger
from benchmarks.receiver.protocol import content_length

_POLL_SECONDS = 0.02
_PATIENCE_SECONDS = 120.0


class Receiver:
    """The process and the one connection over which it is asked."""

    def __init__(
        self, program: Program, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.program = program
        self.port = port
        self._reader = reader
        self._writer = writer
        self._asking = asyncio.Lock()

    @classmethod
    async def started(cls, folder: Path, environment: Mapping[str, str]) -> Self:
        program = Program("receiver", python("benchmarks.receiver"), environment, folder=folder)
        port = int(await program.line())
        return cls(program, port, *await asyncio.open_connection("127.0.0.1", port))

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def count(self) -> tuple[int, float]:
        """How many calls came since the reset, and the receiver's clock."""
        count, at = (await self._ask("count")).split()
        return int(count), float(at)

    async def reset(self) -> None:
        await self._ask("reset")

    async def release(self) -> int:
        """Answer what is held; how many calls that was."""
        return int(await self._ask("release"))

    async def ledger(self) -> Ledger:
        return Ledger.load(await self._ask("dump"))

    async def until(self, calls: int, *senders: Program, within: float = _PATIENCE_SECONDS) -> float:
        """Wait for so many calls; the receiver's clock then. Raises Broken if they do not come."""
        loop = asyncio.get_running_loop()
        end = loop.time() + within
        while True:
            seen, at = await self.count()
            if seen >= calls:
                return at
            for sender in senders:
                sender.check()
            if loop.time() > end:
                raise Broken(f"{seen} of {calls} calls came within {within:g} s")
            await asyncio.sleep(_POLL_SECONDS)

    async def close(self) -> None:
        self._writer.close()
        await self.program.stop()

    async def _ask(self, what: str) -> bytes:
        async with self._asking:
            self._writer.write(b"GET /control/%b HTTP/1.1\r\n\r\n" % what.encode())
            head = await self._reader.readuntil(b"\r\n\r\n")
            return await self._reader.readexactly(content_length(head))
