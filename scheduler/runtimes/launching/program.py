"""The last steps before a program: from a fresh fork of a supervisor to what it is to be, and exec.

Runs in the child alone and never returns. The order matters: what needs privileges comes before the user is
changed, and folders are entered after it, so that no job gets to where its user could not go. Changing users
clears the parent-death signal, so that is set last. What fails is told through a pipe that a successful exec
closes.
"""

import ctypes
import errno
import os
import resource
import signal
from contextlib import suppress
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

# What the launcher ignores, and what it was started to ignore: the only ones that last over exec.
OUR_STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_IGNORED = {
    *OUR_STOPS,
    *(each for each in signal.valid_signals() if signal.getsignal(each) == signal.SIG_IGN),
}

LIBC = ctypes.CDLL(None, use_errno=True)


def become(plan: Plan, *, supervisor: int, stdout: int, stderr: int, fault: int) -> NoReturn:
    """Be the program; through `fault` goes a line about what did not work."""
    stage = "limits"
    try:
        fault = _pipes(stdout, stderr, fault)
        os.setsid()
        _limit(plan)
        stage = "user"
        _change_user(plan)
        stage = "folder"
        os.chdir(plan.folder)
        stage = "working_directory"
        os.chdir(plan.working_directory)
        stage = "program"
        _bind(supervisor)
        _execute(plan)
    except Exception as error:
        number = error.errno if isinstance(error, OSError) else None
        os.write(fault, line(Refused(stage, number or errno.EINVAL)))
    finally:
        os._exit(127)


def _execute(plan: Plan) -> None:
    """As execvpe, which would import modules first: in each fork again."""
    program = plan.command[0]
    places = [""] if "/" in program else plan.environment["PATH"].split(":")
    refused: OSError = FileNotFoundError(errno.ENOENT, program)
    for place in places:
        try:
            os.execve(os.path.join(place, program), plan.command, plan.environment)  # noqa: S606 - no shell
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            refused = error
    raise refused


def _pipes(stdout: int, stderr: int, fault: int) -> int:
    """Standard input, output and errors, and where the way for faults is now. Nothing else stays open."""
    # Away from where they go first, for they may stand in each other's place.
    moved = [os.dup(each) for each in (stdout, stderr, fault)]
    high = [_above(each) for each in moved]
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for place, descriptor in enumerate(high, start=1):
        os.dup2(descriptor, place, inheritable=place != _FAULT)
    os.closerange(_FAULT + 1, os.sysconf("SC_OPEN_MAX"))
    return _FAULT


def _above(descriptor: int) -> int:
    while descriptor <= _FAULT:
        descriptor = os.dup(descriptor)
    return descriptor


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
    os.umask(_UMASK)
    with suppress(OSError):
        badness = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        os.write(badness, b"500")
        os.close(badness)


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


def _bind(supervisor: int) -> None:
    # What it starts can never become somebody else, whom we may not end.
    LIBC.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    LIBC.prctl(_SET_PARENT_DEATH_SIGNAL, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != supervisor:
        os._exit(127)
    for number in _IGNORED:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
