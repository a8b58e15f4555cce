"""The pages with generated blocks, and how a block is filled.

    <!-- generated: NAME -->
    whatever stands here is replaced
    <!-- end -->

Everything outside the markers is written by hand and never touched. A page is computed from the code and from
itself alone, so writing twice changes nothing, and a test compares without writing.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from docs.generator import configuration, folders, lifecycle, metrics, promises, reference, routes, words

ROOT = Path(__file__).resolve().parents[2]

BLOCKS: Mapping[str, Callable[[], str]] = {
    "attempt errors": words.attempt_errors,
    "configuration": lambda: configuration.table(ROOT),
    "events": words.events,
    "folders": lambda: folders.table(ROOT),
    "metrics": lambda: metrics.table(ROOT),
    "outcomes": words.outcomes,
    "picture": lifecycle.picture,
    "promises": lambda: promises.table(ROOT),
    "promises and tests": lambda: promises.tests(ROOT),
    "reference": reference.sections,
    "routes": routes.table,
    "states": lifecycle.states,
    "transitions": lifecycle.transitions,
}

_BLOCK = re.compile(r"(<!-- generated: (?P<name>[a-z ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def paths() -> list[Path]:
    """Every page that a stranger reads."""
    below = [path for folder in ("docs", "infra") for path in (ROOT / folder).rglob("*.md")]
    return [*sorted(ROOT.glob("*.md")), *sorted(below)]


def filled(text: str) -> str:
    """The page with every block as the code says now. KeyError if a block has no source."""
    return _BLOCK.sub(lambda found: found[1] + BLOCKS[found["name"]]() + found[3], text)


def used(text: str) -> list[str]:
    """The names of a page's blocks."""
    return [found["name"] for found in _BLOCK.finditer(text)]
