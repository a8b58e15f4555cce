"""A process under measurement: started as a child that cannot outlive us, stopped in order.

Start from the main thread (see local.child). Its log is a file, read only when something went wrong; what it
says on stdout is for us.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from benchmarks import costs
from local import child

ROOT = Path(__file__).resolve().parents[1]

_STOP_SECONDS = 60.0
_START_SECONDS = 60.0
_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")


class Broken(Exception):
    """A process under measurement did not do what it was started for."""


class Program:
    """Leaving its block asks it to stop, and kills it if it does not."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        folder: Path,
        where: Path = ROOT,
    ) -> None:
        self.name = name
        self._log = folder / f"{name}.log"
        inherited = {key: os.environ[key] for key in _INHERITED if key in os.environ}
        line = child.command(list(command), on_parent_death=signal.SIGKILL)
        with self._log.open("ab") as log:
            self._popen = subprocess.Popen(
                line,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=where,
                env={**inherited, "PYTHONUNBUFFERED": "1", **environment},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_raised: object) -> None:
        await self.stop()

    async def line(self, *, within: float = _START_SECONDS) -> str:
        """Its next line on stdout. Raises Broken when it ends or says nothing in time."""
        assert self._popen.stdout is not None
        try:
            async with asyncio.timeout(within):
                said = await asyncio.to_thread(self._popen.stdout.readline)
        except TimeoutError:
            self._popen.kill()
            said = b""
        if not said:
            raise Broken(f"{self.name} said nothing:\n{self.tail()}")
        return said.decode().strip()

    async def stop(self) -> None:
        """Ask it to end, wait, and kill it in the end."""
        if self._popen.poll() is None:
            self._popen.send_signal(signal.SIGTERM)
            try:
                await asyncio.to_thread(self._popen.wait, _STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._popen.kill()
                await asyncio.to_thread(self._popen.wait)
        if self._popen.stdout is not None:
            self._popen.stdout.close()

    def check(self) -> None:
        """Raises Broken if it has ended."""
        if self._popen.poll() is not None:
            raise Broken(f"{self.name} ended with {self._popen.returncode}:\n{self.tail()}")

    def cpu(self) -> float:
        """CPU seconds it has used so far."""
        return costs.of_process(self.pid)

    def resident_mb(self) -> float:
        """Memory it holds now."""
        return costs.resident_mb(self.pid)

    def tail(self, lines: int = 20) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])


def python(module: str, *arguments: str) -> list[str]:
    """The command of one of this tree's modules."""
    return [sys.executable, "-m", module, *arguments]
