"""How a process came to its end, in words that all runtimes share. No path of the host is in a message."""

import errno
import os
import signal

from scheduler.runtimes.launching.plan import Ended, Refused
from scheduler.runtimes.runtime import Ending, Exit, Order

_SIGNALLED = 128
_UNKNOWN = "It could not be started: {reason}."
_PROGRAM = {
    errno.ENOENT: "There is no program {program}, or no interpreter for it.",
    errno.ENOTDIR: "There is no program {program}.",
    errno.EACCES: "{program} may not be executed.",
    errno.EPERM: "{program} may not be executed.",
    errno.ENOEXEC: "{program} is not a program.",
    errno.E2BIG: "The command and the environment are too long.",
}
_STAGES = {
    "working_directory": "The working directory {directory} cannot be entered: {reason}.",
    "folder": "Its folder cannot be entered by its user: {reason}.",
    "user": "It cannot become its user: {reason}.",
    "fork": "There is no room for another process: {reason}.",
    "limits": "Its limits cannot be set: {reason}.",
}


def ended(said: Ended | None, order: Order) -> Exit:
    """The end of a program; none is said of one whose supervisor was killed."""
    if said is None:
        killed = "What watched over it was killed, and all it had started was ended."
        return Exit(how=Ending.SIGNALLED, code=_SIGNALLED + signal.SIGKILL, message=killed)
    code = _code(said.status)
    if said.exceeded == "memory":
        wanted = f"It held more memory than its {order.limits.memory_mb} MiB."
        return Exit(how=Ending.OUT_OF_MEMORY, code=code, message=wanted)
    if said.exceeded == "pids":
        many = f"It had more processes at once than its {order.limits.pids}."
        return Exit(how=Ending.SIGNALLED, code=code, message=many)
    if said.stopped:
        return Exit(how=Ending.STOPPED, code=code)
    if not os.WIFSIGNALED(said.status):
        return Exit(how=Ending.EXITED, code=code)
    large = "A file grew larger than files may." if os.WTERMSIG(said.status) == signal.SIGXFSZ else ""
    return Exit(how=Ending.SIGNALLED, code=code, message=large)


def refused(said: Refused, order: Order) -> Exit:
    """Why a program could not be started."""
    reason = os.strerror(said.errno)
    sentence = _STAGES.get(said.stage) or _PROGRAM.get(said.errno, _UNKNOWN)
    message = sentence.format(program=order.command[0], directory=order.working_directory, reason=reason)
    return Exit(how=Ending.NOT_STARTED, message=message)


def _code(status: int) -> int:
    if os.WIFSIGNALED(status):
        return _SIGNALLED + os.WTERMSIG(status)
    return os.WEXITSTATUS(status)
