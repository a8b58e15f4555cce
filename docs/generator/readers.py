"""Which process a name is used by, from the source: a setting that is read, a metric that is counted."""

import re
from pathlib import Path

PROCESSES = {"app": "API", "scheduler": "scheduler", "reaper": "reaper", "local": "`make up`"}


def of(root: Path, pattern: str) -> dict[str, list[str]]:
    """The processes that use each name; ``pattern`` has one group, the name."""
    found: dict[str, list[str]] = {}
    for folder, process in PROCESSES.items():
        for name in sorted(_names(root / folder, pattern)):
            found.setdefault(name, []).append(process)
    return found


def shared(root: Path, pattern: str) -> set[str]:
    """The names that core itself uses, wherever it is imported."""
    return _names(root / "core", pattern)


def _names(folder: Path, pattern: str) -> set[str]:
    return {
        found[1] for path in sorted(folder.rglob("*.py")) for found in re.finditer(pattern, path.read_text())
    }
