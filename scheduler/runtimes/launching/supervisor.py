"""One attempt's supervisor: starts its program, ends it, and does not go before all it has started is gone.

It is a *subreaper*: whatever loses its parent below becomes its child, in whatever session or group it hides.
So when the kernel says that there are no children any more, nothing the program has started is alive.

    run ──program over──► kill the rest ──no children──► tell, leave
     └──STOP──► TERM to all ──grace──► kill
     └──a limit is exceeded──► kill
     └──the scheduler is gone──► kill
"""

import ctypes
import os
import select
import signal
import socket
import time
from typing import NoReturn

from scheduler.runtimes.launching import program, tree
from scheduler.runtimes.launching.bell import Bell
from scheduler.runtimes.launching.plan import LENGTH, Began, Ended, Plan, Refused, line, parse, unpack

_SET_SUBREAPER = 36
_LOOK_SECONDS = 0.1
_AGAIN_SECONDS = 0.01


def supervise(control: socket.socket, stdout: int, stderr: int) -> NoReturn:
    """Carry out the plan that comes over `control`, and exit: with 0 if nothing is left of it."""
    program.LIBC.prctl(_SET_SUBREAPER, ctypes.c_ulong(1), 0, 0, 0)
    plan = _receive(control)
    if plan is None:
        os._exit(0)
    bell = Bell()
    began = _start(plan, stdout, stderr)
    os.close(stdout)
    os.close(stderr)
    tell(control, line(began))
    if isinstance(began, Began):
        tell(control, line(_Supervisor(plan, began.pid, control, bell).run()))
    os._exit(0)


def _receive(control: socket.socket) -> Plan | None:
    length = _exactly(control, LENGTH.size)
    data = _exactly(control, LENGTH.unpack(length)[0]) if length else b""
    return unpack(data) if data else None


def _exactly(control: socket.socket, size: int) -> bytes:
    """So many bytes; none if the scheduler has gone before it had said them."""
    got = bytearray()
    while len(got) < size:
        data = control.recv(size - len(got))
        if not data:
            return b""
        got += data
    return bytes(got)


def tell(control: socket.socket, words: bytes) -> None:
    try:
        control.sendall(words)
    except OSError:
        # Nobody is there to hear it.
        return


def _start(plan: Plan, stdout: int, stderr: int) -> Began | Refused:
    reading, fault = os.pipe()
    supervisor = os.getpid()
    try:
        pid = os.fork()
    except OSError as error:
        return Refused("fork", error.errno or 0)
    if pid == 0:
        program.become(plan, supervisor=supervisor, stdout=stdout, stderr=stderr, fault=fault)
    os.close(fault)
    with open(reading, "rb") as faults:
        refused = faults.read()
    if not refused:
        return Began(pid)
    os.waitpid(pid, 0)
    said = parse(refused)
    assert isinstance(said, Refused)
    return said


class _Supervisor:
    def __init__(self, plan: Plan, pid: int, control: socket.socket, bell: Bell) -> None:
        self._plan = plan
        self._program = pid
        self._control = control
        self._bell = bell
        self._me = os.getpid()
        self._status: int | None = None
        self._kill_at: float | None = None
        self._stopped = False
        self._exceeded = ""
        self._limited = plan.memory_bytes is not None or plan.pids is not None
        self._events = select.poll()
        self._events.register(control, select.POLLIN)
        self._events.register(bell, select.POLLIN)

    def run(self) -> Ended:
        """Returns when no children are left."""
        while self._reap():
            if self._over():
                tree.kill(self._me)
                self._listen(_AGAIN_SECONDS)
                continue
            self._look()
            self._listen(self._patience())
        return Ended(self._status or 0, self._stopped, self._exceeded)

    def _reap(self) -> bool:
        """Whether there still are children."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self._program:
                self._status = status

    def _over(self) -> bool:
        if self._kill_at is not None:
            return time.monotonic() >= self._kill_at
        return self._status is not None

    def _patience(self) -> float | None:
        waits = [_LOOK_SECONDS] if self._limited else []
        if self._kill_at is not None:
            waits.append(max(0.0, self._kill_at - time.monotonic()))
        return min(waits, default=None)

    def _listen(self, seconds: float | None) -> None:
        for descriptor, _ in self._events.poll(None if seconds is None else seconds * 1000 + 1):
            if descriptor == self._control.fileno():
                self._hear()
            else:
                self._bell.quiet()

    def _hear(self) -> None:
        try:
            words = self._control.recv(64)
        except OSError:
            words = b""
        if not words:
            self._events.unregister(self._control)
            self._kill_at = 0.0
        elif not self._stopped and self._status is None:
            self._stopped = True
            self._kill_at = time.monotonic() + self._plan.grace_seconds
            tree.send(self._me, signal.SIGTERM)
            # One that was stopped would not hear of it.
            tree.send(self._me, signal.SIGCONT)

    def _look(self) -> None:
        if not self._limited:
            return
        count, held = tree.use(self._me)
        memory, pids = self._plan.memory_bytes, self._plan.pids
        if memory is not None and held > memory and tree.shared_fairly(self._me) > memory:
            self._exceed("memory")
        elif pids is not None and count > pids:
            self._exceed("pids")

    def _exceed(self, limit: str) -> None:
        self._exceeded = limit
        self._kill_at = 0.0
