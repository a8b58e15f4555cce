"""A process of ours, started as a child that cannot outlive us, and what can be done to it.

Its stderr is its log, one JSON object a line; its stdout is kept apart. Start processes from the main thread
(see local.child). Freezing returns when the kernel has stopped every thread, so that what is read afterwards
cannot change under the reader's hands.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import msgspec

from local import child
from tests.waiting import block_until, wait_until

ROOT = Path(__file__).resolve().parents[2]

_STOP_SECONDS = 20.0
_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "SSL_CERT_FILE")


class Process:
    """Leaving its block asks it to stop and insists on exit code 0, unless the test ended it itself."""

    def __init__(
        self, name: str, arguments: list[str], environment: Mapping[str, str], *, folder: Path
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.out = folder / f"{name}.out"
        inherited = {key: os.environ[key] for key in _INHERITED if key in os.environ}
        line = child.command([sys.executable, *arguments], on_parent_death=signal.SIGKILL)
        with self.log.open("ab") as log, self.out.open("ab") as out:
            self._popen = subprocess.Popen(
                line,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                cwd=ROOT,
                env={**inherited, "PYTHONUNBUFFERED": "1", **environment},
                start_new_session=True,
            )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: object, _error: object, _trace: object) -> None:
        if not self.alive:
            return
        if kind is not None:
            self.kill()
            return
        self.resume()
        self.tell(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            await self.exit()
        stopped = not self.alive
        self.kill()
        assert stopped, f"{self.name} does not stop:\n{self.tail()}"
        # Before it has said a word it may not have come to its signal handlers.
        fine = (0,) if self.tail() else (0, -signal.SIGTERM)
        assert self._popen.returncode in fine, f"{self.name}: {self._popen.returncode}:\n{self.tail()}"

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def alive(self) -> bool:
        return self._popen.poll() is None

    def tell(self, number: signal.Signals) -> None:
        self._popen.send_signal(number)

    def freeze(self) -> None:
        self.tell(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        self.tell(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL; returns when it is gone."""
        self._popen.kill()
        self._popen.wait()

    async def exit(self, *, within: float = _STOP_SECONDS) -> int:
        """Its exit code, once it ends by itself or by a signal sent before."""
        return await asyncio.to_thread(self._popen.wait, within)

    def said(self, event: str) -> list[dict[str, Any]]:
        """Its log lines of one event, so far."""
        found = []
        for line in self.log.read_bytes().splitlines():
            with contextlib.suppress(msgspec.DecodeError):
                entry = msgspec.json.decode(line)
                if isinstance(entry, dict) and entry.get("event") == event:
                    found.append(entry)
        return found

    def first_line(self, *, within: float = 30.0) -> str:
        """Of its stdout; blocks, for fixtures that are no coroutines."""
        block_until(self._spoke_or_ended, within=within, what=f"{self.name} serves")
        assert self.alive, self.tail()
        return self.printed().splitlines()[0]

    async def address(self, *, within: float = 30.0) -> str:
        """Where a server says that it serves."""
        await wait_until(self._spoke_or_ended, within=within, what=f"{self.name} serves")
        assert self.alive, self.tail()
        return self.printed().splitlines()[0].removeprefix("ready ")

    def _spoke_or_ended(self) -> bool:
        return "\n" in self.printed() or not self.alive

    def printed(self) -> str:
        return self.out.read_text()

    def tail(self, lines: int = 30) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
