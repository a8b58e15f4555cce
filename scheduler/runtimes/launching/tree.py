"""All that descends from a process, and how to signal it without ever hitting a stranger.

A pid may be given to a stranger at any time, once its owner has been waited for. So a process is first held
by a descriptor, then seen to be a child of one that is ours, and only then signalled through that descriptor.
Parents come before their children: one that is stopped has no further children that could be missed.
"""

import os
import signal
from collections.abc import Collection, Iterator
from contextlib import suppress

_PAGE = os.sysconf("SC_PAGE_SIZE")


def kill(root: int, *, without: Collection[int] = ()) -> None:
    """Kill all below `root` that can be seen now. What is born meanwhile shows at the next call."""
    send(root, signal.SIGSTOP, without=without)
    send(root, signal.SIGKILL, without=without)


def send(root: int, number: signal.Signals, *, without: Collection[int] = ()) -> None:
    """Signal all below `root`, but not `root` itself, nor `without` and what is below those."""
    ours = {root}
    for pid in _below(root, without):
        with suppress(OSError):
            _send(pid, number, ours)
        ours.add(pid)


def use(root: int, *, without: Collection[int] = ()) -> tuple[int, int]:
    """How many processes there are below `root`, and the bytes of memory they hold between them."""
    pids = list(_below(root, without))
    held = sum(map(_resident, pids))
    return len(pids), held


def shared_fairly(root: int) -> int:
    """The bytes below `root` again, what forks share counted once: exact, and dearer."""
    return sum(map(_proportional, _below(root)))


def _send(pid: int, number: signal.Signals, ours: Collection[int]) -> None:
    held = os.pidfd_open(pid)
    try:
        if _parent(pid) in ours:
            signal.pidfd_send_signal(held, number)
    finally:
        os.close(held)


def _below(root: int, without: Collection[int] = ()) -> Iterator[int]:
    """Lazily, so that children are listed after their parent was signalled."""
    waiting, seen = [root], {root, *without}
    while waiting:
        for child in _children(waiting.pop()):
            if child not in seen:
                seen.add(child)
                waiting.append(child)
                yield child


def _children(pid: int) -> list[int]:
    if not _LISTED:
        return [each for each in _all() if _parent(each) == pid]
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            found.extend(map(int, _read(f"/proc/{pid}/task/{thread}/children").split()))
    return found


def _all() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def _parent(pid: int) -> int:
    try:
        # The name, in brackets, may hold anything.
        return int(_read(f"/proc/{pid}/stat").rpartition(b")")[2].split()[1])
    except (OSError, IndexError):
        return 0


def _resident(pid: int) -> int:
    """What is its own, without what it maps from files."""
    try:
        _, resident, shared, *_ = map(int, _read(f"/proc/{pid}/statm").split())
    except (OSError, ValueError):
        return 0
    return (resident - shared) * _PAGE


def _proportional(pid: int) -> int:
    try:
        for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
            if line.startswith(b"Pss_Anon:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return _resident(pid)


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 65536)
    finally:
        os.close(descriptor)


# Some kernels are built without.
_LISTED = os.path.exists("/proc/thread-self/children")
