"""`./jobctl` of a tree: no installation of its own, only the packages that make put beside it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from noonmark.version import VERSION
from tests.integration.noonmark.conftest import ROOT


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A clone in which make has run."""
    folder = tmp_path / "a tree"
    (folder / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(ROOT / "jobctl", folder)
    (folder / "noonmark").symlink_to(ROOT / "noonmark")
    python = folder / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return folder


def run(program: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_runs_from_any_folder_whatever_lies_there(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise SystemExit(99)")
    linked = tmp_path / "jobctl"
    linked.symlink_to(tree / "jobctl")
    for program in (tree / "jobctl", linked):
        done = run(program, tmp_path, "--version")
        assert (done.returncode, done.stdout) == (0, f"jobctl, version {VERSION}\n"), done.stderr


def test_it_hands_on_arguments_and_exit_code(tree: Path) -> None:
    done = run(tree / "jobctl", tree, "submit", "http://example.com/a b", "-d", "{ }")
    assert (done.returncode, done.stdout) == (4, "")


def test_before_make_it_says_what_to_do(tree: Path) -> None:
    shutil.rmtree(tree / ".venv")
    done = run(tree / "jobctl", tree, "jobs", "list")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "run make up" in done.stderr
