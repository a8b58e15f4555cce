"""The launcher: one small process for each scheduler, which forks a supervisor for each attempt.

A fork of it costs a fraction of starting an interpreter, and it has neither threads nor secrets: its
environment is empty, its memory has never held anything of the scheduler's.

It is a subreaper too, and keeps an end of each attempt's socket. Should a supervisor be killed, what it
watched over becomes the launcher's; the launcher ends it, and only then does the scheduler's socket end.
When the scheduler is gone the launcher stays until its supervisors have gone, and follows.
"""

import ctypes
import gc
import os
import resource
import select
import signal
import socket
import sys
import traceback
from typing import NoReturn

from scheduler.runtimes.launching import program, tree
from scheduler.runtimes.launching.bell import Bell
from scheduler.runtimes.launching.plan import Refused, line
from scheduler.runtimes.launching.supervisor import supervise, tell

_SET_SUBREAPER = 36
_AGAIN_MILLISECONDS = 10
_DESCRIPTORS = 16384
DESCRIPTORS = 3
"""What comes with each request: an end of the attempt's socket, of its standard output, of its errors."""


def main() -> None:
    """The scheduler's socket is standard input."""
    for number in program.OUR_STOPS:
        # Who stops everything at once stops the scheduler, and that decides about its attempts.
        signal.signal(number, signal.SIG_IGN)
    _make_room()
    program.LIBC.prctl(_SET_SUBREAPER, ctypes.c_ulong(1), 0, 0, 0)
    requests = socket.socket(fileno=os.dup(0))
    # Supervisors inherit standard input; were it the socket, the launcher's death would go unnoticed.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    # A collection would write to every page that forks could share.
    gc.disable()
    gc.freeze()
    _Launcher(requests).run()


def _make_room() -> None:
    """Each attempt takes a descriptor here, and four while it is started."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(_DESCRIPTORS, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


class _Launcher:
    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._me = os.getpid()
        self._bell = Bell()
        self._supervisors: dict[int, socket.socket] = {}
        self._bereaved: list[socket.socket] = []
        self._events = select.poll()
        self._events.register(requests, select.POLLIN)
        self._events.register(self._bell, select.POLLIN)
        self._open = True

    def run(self) -> None:
        while self._open or self._supervisors or self._bereaved:
            patience = _AGAIN_MILLISECONDS if self._bereaved else None
            for descriptor, _ in self._events.poll(patience):
                if descriptor == self._requests.fileno():
                    self._hear()
                else:
                    self._bell.quiet()
            self._reap()

    def _hear(self) -> None:
        try:
            words, descriptors, *_ = socket.recv_fds(
                self._requests, 1, DESCRIPTORS, socket.MSG_CMSG_CLOEXEC | socket.MSG_DONTWAIT
            )
        except BlockingIOError:
            return
        except OSError:
            words = b""
        if not words:
            self._open = False
            self._events.unregister(self._requests)
            return
        if len(descriptors) < DESCRIPTORS:
            # The kernel drops what there was no room for; so the attempt ends before it began.
            for descriptor in descriptors:
                os.close(descriptor)
            return
        control, stdout, stderr = descriptors
        self._fork(socket.socket(fileno=control), stdout, stderr)

    def _fork(self, control: socket.socket, stdout: int, stderr: int) -> None:
        try:
            pid = os.fork()
        except OSError as error:
            tell(control, line(Refused("fork", error.errno or 0)))
            control.close()
            pid = -1
        if pid == 0:
            self._be_supervisor(control, stdout, stderr)
        if pid > 0:
            self._supervisors[pid] = control
        os.close(stdout)
        os.close(stderr)

    def _be_supervisor(self, control: socket.socket, stdout: int, stderr: int) -> NoReturn:
        try:
            # An end kept here would hide from the scheduler that another attempt is over.
            for other in (self._requests, *self._supervisors.values(), *self._bereaved):
                other.close()
            supervise(control, stdout, stderr)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(1)

    def _reap(self) -> None:
        alone = False
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                alone = True
                break
            if pid == 0:
                break
            self._bury(pid, status)
        if not self._bereaved:
            return
        if not alone:
            tree.kill(self._me, without=self._supervisors)
        if alone or not self._orphans():
            while self._bereaved:
                self._bereaved.pop().close()

    def _bury(self, pid: int, status: int) -> None:
        control = self._supervisors.pop(pid, None)
        if control is None:
            return
        if status == 0:
            control.close()
        else:
            self._bereaved.append(control)

    def _orphans(self) -> bool:
        return tree.use(self._me, without=self._supervisors)[0] > 0
