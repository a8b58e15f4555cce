"""What only the kernel can do for a host: nothing outlives its keeper, and memory has an end.

On Linux alone; elsewhere a process that leaves its group can outlive its job, and that is all that differs.
"""

import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

_SET_PARENT_DEATH_SIGNAL = 1
_SET_CHILD_SUBREAPER = 36
_LINUX = sys.platform.startswith("linux")
_LIBC = ctypes.CDLL(None, use_errno=True)
_MEGABYTE = 1024 * 1024
_NICER = 5
_KILLED_SOONER = 500


def die_with(parent: int) -> None:
    """Be killed when the parent's thread that started us ends; at once if that was before this call."""
    if _LINUX:
        _LIBC.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL.value, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    if _LINUX:
        _LIBC.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children() -> list[int]:
    """Of this process, which has one thread."""
    me = os.getpid()
    try:
        return [int(pid) for pid in Path(f"/proc/{me}/task/{me}/children").read_text().split()]
    except OSError:
        return []


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


def stand_back() -> None:
    """Before schedulers and their databases, whoever wants CPU or memory; and leave no core behind."""
    os.nice(_NICER)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        Path("/proc/self/oom_score_adj").write_text(str(_KILLED_SOONER))
    except OSError:
        return


def limit_memory(megabytes: int) -> None:
    """What this process, and each that it starts, may write to; MemoryError beyond. Mapped files are free."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (megabytes * _MEGABYTE, hard))


def unlimit_memory() -> None:
    """For the words after a MemoryError."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
