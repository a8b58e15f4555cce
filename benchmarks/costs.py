"""What processes have used, from /proc: CPU seconds and memory.

A server's figure holds its children, the living ones and those it has waited for, so a backend that ends
during a measurement is not forgotten. Linux only.
"""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_OWN, _WITH_WAITED = slice(11, 13), slice(11, 15)


def of_process(pid: int) -> float:
    """CPU seconds of one process, all its threads."""
    return _seconds(Path(f"/proc/{pid}/stat").read_text(), _OWN)


def of_tree(pid: int) -> float:
    """CPU seconds of a process, its living children and those that ended."""
    total = _seconds(Path(f"/proc/{pid}/stat").read_text(), _WITH_WAITED)
    for one in _children(pid):
        try:
            total += _seconds(Path(f"/proc/{one}/stat").read_text(), _OWN)
        except FileNotFoundError:
            continue
    return total


def resident_mb(pid: int) -> float:
    """Resident memory in MB (10^6 bytes)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise ValueError(f"process {pid} has no memory")


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def _seconds(stat: str, fields: slice) -> float:
    """Fields are counted from the state, the first after the name, which may hold blanks."""
    return sum(int(number) for number in stat.rpartition(")")[2].split()[fields]) / _TICKS
