"""The last steps before a program: from a fresh fork of a supervisor to what it is to be, and exec.

Runs in the child alone and never returns. The order matters: limits that need privileges and the way into the
working directory come before the user is changed, for the working directory may lie where they cannot go;
changing users clears the parent-death signal, so that is set last. What fails is told through a pipe that a
successful exec closes.
"""

import ctypes
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from scheduler.runtimes.launching.plan import Plan, Refused, line

_SET_PARENT_DEATH_SIGNAL, _NO_NEW_PRIVILEGES = 1, 38
_FAULT = 3
# A program finds its limit of memory by being watched. This one only bounds what it takes between two looks.
_MEMORY_HEADROOM = 1024**3
# As many as a user who runs nothing but jobs may have of them all together.
_MOST_OF_A_USER = 4096
_OPEN_FILES = 1024
_NICE = 5
_UMASK = 0o022

LIBC = ctypes.CDLL(None, use_errno=True)


class _Stopped(Exception):
    def __init__(self, stage: str, error: OSError) -> None:
        super().__init__(stage)
        self.refused = Refused(stage, error.errno or 0)


def become(plan: Plan, *, supervisor: int, stdout: int, stderr: int, fault: int) -> NoReturn:
    """Be the program; through `fault` goes a line about what did not work."""
    try:
        _pipes(stdout, stderr, fault)
        _prepare(plan, supervisor)
        with _stage("program"):
            os.execvpe(plan.command[0], plan.command, plan.environment)  # noqa: S606 - a list, never a shell
    except _Stopped as stopped:
        os.write(_FAULT, line(stopped.refused))
    finally:
        os._exit(127)


def _pipes(stdout: int, stderr: int, fault: int) -> None:
    # Away from where they go first, for they may stand in each other's place.
    moved = [os.dup(each) for each in (stdout, stderr, fault)]
    high = [_above(each) for each in moved]
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for place, descriptor in enumerate(high, start=1):
        os.dup2(descriptor, place, inheritable=place != _FAULT)
    os.closerange(_FAULT + 1, os.sysconf("SC_OPEN_MAX"))


def _above(descriptor: int) -> int:
    while descriptor <= _FAULT:
        descriptor = os.dup(descriptor)
    return descriptor


def _prepare(plan: Plan, supervisor: int) -> None:
    with _stage("limits"):
        os.setsid()
        os.umask(_UMASK)
        _limit(plan)
    with _stage("folder"):
        os.chdir(plan.folder)
    with _stage("working_directory"):
        os.chdir(plan.working_directory)
    with _stage("user"):
        _change_user(plan)
    with _stage("limits"):
        _bind(supervisor)
        _reset_signals()


@contextmanager
def _stage(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _Stopped(name, error) from None


def _limit(plan: Plan) -> None:
    _at_most(resource.RLIMIT_CORE, 0)
    _at_most(resource.RLIMIT_FSIZE, plan.file_bytes)
    if plan.memory_bytes is not None:
        _at_most(resource.RLIMIT_DATA, plan.memory_bytes + _MEMORY_HEADROOM)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    soft = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    # A replica must be able to beat while its jobs take all there is: of time, and of memory.
    os.nice(_NICE)
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as badness:
        badness.write("500")


def _at_most(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    least = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (least, least))


def _change_user(plan: Plan) -> None:
    if plan.user is None:
        return
    uid, gid = plan.user
    # The kernel counts these for each user, over all of their attempts, and not for root.
    _at_most(resource.RLIMIT_NPROC, _MOST_OF_A_USER)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    os.stat(os.path.join(plan.folder, "out", "."))


def _bind(supervisor: int) -> None:
    # What it starts can never become somebody else, whom we may not end.
    LIBC.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    LIBC.prctl(_SET_PARENT_DEATH_SIGNAL, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != supervisor:
        os._exit(127)


def _reset_signals() -> None:
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
