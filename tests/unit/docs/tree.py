"""The files of this repository, and what is in them, for tests that look at all of it."""

import ast
from collections.abc import Iterator
from pathlib import Path

from docs.generator.pages import ROOT

OURS = ("app", "core", "scheduler", "reaper", "local", "noonmark")
_HIDDEN_BUT_OURS = {".ci", ".gitignore", ".dockerignore", ".env.example"}
_LEFTOVERS = {"__pycache__", "build", "dist"}


def files() -> Iterator[tuple[str, str]]:
    """Path and text of every file that is somebody's work; what is no text is left out."""
    for path in sorted(_below(ROOT)):
        try:
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def modules(*packages: str) -> Iterator[tuple[str, ast.Module]]:
    """Path and syntax tree of every module in these packages."""
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def constants(*packages: str) -> set[str]:
    """Every string literal in these packages."""
    return {
        node.value
        for _, tree in modules(*packages)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def _below(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if (path.name.startswith(".") and path.name not in _HIDDEN_BUT_OURS) or path.name in _LEFTOVERS:
            continue
        if path.is_symlink():
            continue
        if path.is_dir():
            yield from _below(path)
        elif not path.is_symlink():
            yield path
