"""The map of the tree: one line for each folder that is there."""

from pathlib import Path

from docs.generator.markdown import table as rows_of

LINES = {
    "core": "What several processes must agree on: tables, statements, rules, settings. Knows no process.",
    "app": "The API: routes, sign-in, mail, pages. Alone imports the web framework.",
    "scheduler": "Plan, claim, dispatch, settle, heartbeat. Run as many replicas as you like.",
    "reaper": "Sweeps: leases whose replica stopped beating, old rows, partitions ahead. Safe to run twice.",
    "noonmark": "The client: what you use to call a server and to receive from it. Imports nothing of ours.",
    "local": "Development only: the embedded PostgreSQL and the supervisor behind `make up` and `make demo`.",
    "migrations": "The database's schema, step by step (Alembic).",
    "examples": "Programs to copy. Each is run by a test.",
    "tests": "`unit/ integration/ properties/ e2e/`, by what they need; inside, the source's own paths.",
    "benchmarks": "Where every figure comes from, by one command.",
    "infra": "Running it elsewhere: what compose.yaml needs, and who watches.",
    "docs": "These pages, the decisions, and the generator of every table in them.",
    "requirements": "What is installed: four lists, and the hashed locks compiled from them.",
}


_MADE = {"build", "dist"}
"""What make puts here, and nobody keeps."""


def present(root: Path) -> list[str]:
    """The folders that hold a file, hidden ones and leftovers apart."""
    return sorted(
        folder.name
        for folder in root.iterdir()
        if folder.is_dir() and folder.name[0] not in "._" and folder.name not in _MADE and _has_files(folder)
    )


def table(root: Path) -> str:
    """KeyError if there is a folder that nobody has said a line about."""
    unknown = set(present(root)) - LINES.keys()
    if unknown:
        raise KeyError(f"say in docs/generator/folders.py what is in {', '.join(sorted(unknown))}")
    here = set(present(root))
    rows = [(f"[`{name}/`]({name})", line) for name, line in LINES.items() if name in here]
    return rows_of(("folder", "what is in it"), rows)


def _has_files(folder: Path) -> bool:
    return any(path.is_file() and "__pycache__" not in path.parts for path in folder.rglob("*"))
