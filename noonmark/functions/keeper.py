"""Keeps one attempt: forks its process, stops it when told to, and leaves nothing of it alive.

    scheduler ──order, stop──► keeper ──fork──► code ──► whatever that starts
        ◄── started, end ──────┘  adopts every orphan of it, and kills what is left

It runs no code of users, so whatever theirs does (a crash, a KILL, a lack of memory), the end is still told,
and the hooks that are owed are called in a second process. When the scheduler goes away it kills everything
at once: another replica will have the job. One thread, one attempt, then it ends.
"""

import json
import mmap
import os
import select
import signal
import socket
import time
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from noonmark.functions import code, kernel
from noonmark.functions.attempt import How, Report, stopped
from noonmark.functions.code import CANCELLED, NOT_STOPPED, TIMED_OUT, Code, Lines, Order
from noonmark.functions.context import Ending
from noonmark.functions.registry import Function, Hook, Registry

PERMANENT_EXIT = 65
"""The exit code that says: no retry (`EX_DATAERR` of sysexits.h)."""
_FAILED_EXIT = 1
_AFTERMATH_SECONDS = 10.0
"""What hooks get after a crash."""
_MOST_RESERVED = 2.0
"""Of the grace, for hooks after a KILL."""
_REPORTS = 64 * 1024


class Keeper:
    """From the order to its end."""

    def __init__(self, control: socket.socket, streams: tuple[int, int, int], registry: Registry) -> None:
        self._control = control
        self._streams = streams
        self._unread = b""
        self._order = Order(**self._first_line())
        found = registry.find(self._order.function)
        if found is None:
            raise LookupError(f"there is no function {self._order.function} here")
        self._function: Function = found
        self._stop = mmap.mmap(-1, 1)
        self._kill_at: float | None = None
        self._grace_ends: float | None = None
        self._killed = False
        self._wake = _awakened_by_children()

    def keep(self) -> None:
        if not os.path.isdir(self._order.working_directory):
            self._tell({"end": {"how": "not_started", "message": "its working directory is not there"}})
            return
        self._tell({"started": True})
        status, told = self._carried(Code.attempt)
        begun = [each["begun"] for each in told if "begun" in each]
        report = next((Report(How(each["how"]), each["message"]) for each in told if "how" in each), None)
        fate = report or self._fate(status)
        if begun and not any("done" in each for each in told) and self._owed(begun):
            self._finish(fate, begun)
        for stream in self._streams:
            os.close(stream)
        self._tell({"end": self._end(report, fate, status)})

    def _carried(self, act: Callable[[Code], None]) -> tuple[int, list[dict[str, Any]]]:
        """Wait status of the process, and what it told."""
        reading, writing = os.pipe()
        lines = Lines(*self._streams, reports=writing)
        # Blocked until the process has its own handler, so that an early TERM is not lost.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        parent, pid = os.getpid(), os.fork()
        if pid == 0:
            os.close(reading)
            self._control.close()
            signal.set_wakeup_fd(-1)
            code.become(parent, self._function, self._order, lines, self._stop, act)
        _group(pid)
        os.close(writing)
        status = self._watched(pid)
        os.set_blocking(reading, False)
        return status, _read_lines(reading)

    def _finish(self, report: Report, begun: list[str]) -> None:
        """Within what is left of the grace, or a time of its own."""
        left = time.monotonic() + _AFTERMATH_SECONDS
        self._kill_at = left if self._grace_ends is None else self._grace_ends
        self._carried(lambda each: each.aftermath(report, begun))

    def _watched(self, pid: int) -> int:
        poller = select.poll()
        poller.register(self._control, select.POLLIN)
        poller.register(self._wake, select.POLLIN)
        self._obey(pid)
        while not _has_ended(pid):
            ready = poller.poll(self._milliseconds_left())
            if any(number == self._control.fileno() for number, _ in ready):
                self._listen(pid)
            if any(number == self._wake.fileno() for number, _ in ready):
                self._wake.recv(4096)
            if self._kill_at is not None and time.monotonic() >= self._kill_at:
                self._killed = True
                self._kill_at = None
                kernel.signal_group(pid, signal.SIGKILL)
        # The group's number is ours until its leader is reaped.
        kernel.signal_group(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        _reap_everything()
        return status

    def _milliseconds_left(self) -> float | None:
        return None if self._kill_at is None else max(0.0, self._kill_at - time.monotonic()) * 1000 + 1

    def _listen(self, pid: int) -> None:
        data = self._control.recv(4096)
        if not data:
            kernel.signal_group(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            _reap_everything()
            os._exit(1)
        self._unread += data
        self._obey(pid)

    def _obey(self, pid: int) -> None:
        while b"\n" in self._unread:
            line, _, self._unread = self._unread.partition(b"\n")
            self._stop_code(pid, json.loads(line)["stop"])

    def _stop_code(self, pid: int, why: str) -> None:
        if self._grace_ends is not None:
            return
        self._stop[0] = TIMED_OUT if why == "timed_out" else CANCELLED
        grace = self._order.grace_seconds
        self._grace_ends = time.monotonic() + grace
        reserved = min(_MOST_RESERVED, grace / 4) if self._owed([]) else 0.0
        self._kill_at = self._grace_ends - reserved
        kernel.signal_group(pid, signal.SIGTERM)

    def _owed(self, begun: list[str]) -> bool:
        hooks = (Hook.ON_FAIL, Hook.ON_END)
        return any(self._function.hooks[hook] and hook not in begun for hook in hooks)

    def _fate(self, status: int) -> Report:
        """How the function ended, as nobody could say it."""
        if self._stop[0] != NOT_STOPPED:
            return stopped(timed_out=self._stop[0] == TIMED_OUT)
        ended = os.waitstatus_to_exitcode(status)
        how = f"was killed by {signal.Signals(-ended).name}" if ended < 0 else f"ended with exit code {ended}"
        return Report(How.FAILED, f"its process {how} before the function returned")

    def _end(self, report: Report | None, fate: Report, status: int) -> dict[str, Any]:
        ended = os.waitstatus_to_exitcode(status)
        message = fate.message
        if fate.how in (How.CANCELLED, How.TIMED_OUT):
            number = signal.SIGKILL if self._killed else signal.SIGTERM
            ours = self._grace_ends is not None
            return {"how": "stopped" if ours else "signalled", "code": 128 + number, "message": message}
        if report is None and ended < 0:
            return {"how": "signalled", "code": 128 - ended, "message": message}
        if fate.how is How.OUT_OF_MEMORY:
            return {"how": "out_of_memory", "code": _FAILED_EXIT, "message": message}
        if fate.how is How.PERMANENT:
            return {"how": "exited", "code": PERMANENT_EXIT, "message": message}
        failed = ended if report is None and ended > 0 else _FAILED_EXIT
        return {"how": "exited", "code": 0 if fate.ending is Ending.SUCCEEDED else failed, "message": message}

    def _first_line(self) -> dict[str, Any]:
        while b"\n" not in self._unread:
            data = self._control.recv(1 << 16)
            if not data:
                os._exit(0)
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        order: dict[str, Any] = json.loads(line)
        return order

    def _tell(self, words: dict[str, Any]) -> None:
        try:
            self._control.sendall(json.dumps(words).encode() + b"\n")
        except OSError:
            os._exit(1)


def tend(control: socket.socket, streams: tuple[int, int, int], registry: Registry) -> NoReturn:
    """The keeper's process, from the fork to its end."""
    status = 1
    try:
        os.setsid()
        kernel.adopt_orphans()
        Keeper(control, streams, registry).keep()
        status = 0
    except BaseException:  # A copy of the host ends here, and says why.
        traceback.print_exc()
    finally:
        os._exit(status)


def _awakened_by_children() -> socket.socket:
    waking, wake = socket.socketpair()
    for end in (waking, wake):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(waking.detach(), warn_on_full_buffer=False)
    return wake


def _group(pid: int) -> None:
    """Its own, also made here: whoever comes first, a signal to the group finds it."""
    try:
        os.setpgid(pid, pid)
    except (PermissionError, ProcessLookupError):
        return


def _has_ended(pid: int) -> bool:
    """Without reaping it."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _reap_everything() -> None:
    """Kill and reap what is left, generation by generation: orphans become our children."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            for child in kernel.children():
                kernel.kill(child)
            os.waitpid(-1, 0)


def _read_lines(reading: int) -> list[dict[str, Any]]:
    try:
        data = os.read(reading, _REPORTS)
    except BlockingIOError:
        data = b""
    os.close(reading)
    return [json.loads(line) for line in data.splitlines()]
