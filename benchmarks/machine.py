"""What it was measured on, without a word about where: no host name, no path, no user."""

import os
import platform
import sys
from pathlib import Path

from benchmarks.figures import Flat

_GIB = 2**30


def described(postgres: str) -> Flat:
    """Flat keys; ``postgres`` is the server's version."""
    return {
        "machine_cores": float(len(os.sched_getaffinity(0))),
        "machine_memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB, 1),
        "machine_cpu": _cpu(),
        "machine_kernel": f"{platform.system()} {platform.release()}",
        "machine_architecture": platform.machine(),
        "machine_python": ".".join(str(part) for part in sys.version_info[:3]),
        "machine_postgres": postgres,
    }


def _cpu() -> str:
    """The model's name, where the kernel tells it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return "unknown"
