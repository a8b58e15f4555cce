"""Rings when a child of this process has changed: a descriptor to wait for, beside others."""

import os
import signal
from contextlib import suppress


class Bell:
    """One for a process, and a new one after a fork."""

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._reading, False)
        os.set_blocking(self._writing, False)
        signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)

    def fileno(self) -> int:
        return self._reading

    def quiet(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._reading, 65536)
