"""What `make` does before any of our Python: it lists, installs once, and says in a line what is missing."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.local.processes import ROOT, gone

# Not `make test`'s own make: what it hands down would be taken for ours.
_CLEAN = {"PATH": "/usr/local/bin:/usr/bin:/bin"}

_STAYS = """
import os, signal
print(os.getpid(), flush=True)
signal.pause()
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The Makefile beside a lock of nothing."""
    for name in ("Makefile", "local/child.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "local.txt").touch()
    return tmp_path


def _program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def _make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments], cwd=folder, capture_output=True, text=True, env=_CLEAN, check=False
    )


def test_alone_it_lists_every_target_with_a_line() -> None:
    phony = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    targets = {".env", *" ".join(phony).split()}
    listed = {line.split()[1] for line in _make(ROOT).stdout.splitlines() if len(line.split()) > 2}
    assert listed == targets


def test_a_python_that_is_missing_is_named_in_a_line(clone: Path) -> None:
    made = _make(clone, "up", "PYTHON=python9")
    assert made.stderr.splitlines()[0].startswith("python9 is not here: install Python 3.11 or newer")


def test_a_python_that_is_too_old_is_named_in_a_line(clone: Path) -> None:
    old = _program(clone / "old", "exit 1")
    made = _make(clone, "up", f"PYTHON={old}")
    assert made.stderr.splitlines()[0].startswith(f"{old} is older than 3.11")


def test_a_python_without_venv_says_what_to_install(clone: Path) -> None:
    poor = _program(clone / "poor", f'case "$2" in *venv*) exit 1;; esac\nexec {sys.executable} "$@"')
    made = _make(clone, "up", f"PYTHON={poor}")
    assert made.stderr.splitlines()[0].endswith("has no venv module: install python3-venv")


def test_what_was_installed_once_is_not_installed_again(clone: Path) -> None:
    (clone / "local" / "__main__.py").write_text("print('started')")
    _program(clone / ".venv" / "bin" / "python", f'exec {sys.executable} "$@"')
    (clone / ".venv" / "local.txt").touch()
    assert _make(clone, "up", "PYTHON=python9").stdout == "started\n"


def test_when_make_is_killed_what_it_started_is_asked_to_stop(clone: Path) -> None:
    (clone / "local" / "__main__.py").write_text(_STAYS)
    _program(clone / ".venv" / "bin" / "python", f'exec {sys.executable} "$@"')
    (clone / ".venv" / "local.txt").touch()
    with subprocess.Popen(
        ["make", "up"], cwd=clone, stdout=subprocess.PIPE, text=True, env=_CLEAN
    ) as process:
        assert process.stdout is not None
        started = int(process.stdout.readline())
        process.kill()
    assert gone([started], within=10)
