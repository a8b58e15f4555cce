"""What the pages point at is there: links, decisions, commands, log events, routes."""

import re
from pathlib import Path

import pytest

from docs.generator import pages, routes
from docs.generator.pages import ROOT
from tests.unit.docs import tree

_FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\((?!https?://)([^)\s]+)\)")
_DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))


def _links() -> list[tuple[Path, str]]:
    texts = {path: _FENCE.sub("", path.read_text(encoding="utf-8")) for path in pages.paths()}
    return [(path, link) for path, text in texts.items() for link in dict.fromkeys(_LINK.findall(text))]


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", _FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    ("page", "link"), _links(), ids=lambda value: value.name if isinstance(value, Path) else value
)
def test_a_link_leads_somewhere(page: Path, link: str) -> None:
    place, _, anchor = link.partition("#")
    target = (page.parent / place) if place else page
    assert target.exists()
    assert not anchor or anchor in _anchors(target)


def test_decisions_are_numbered_without_gap_or_repetition() -> None:
    assert [int(path.name[:4]) for path in _DECISIONS] == list(range(1, len(_DECISIONS) + 1))


@pytest.mark.parametrize("path", _DECISIONS, ids=lambda path: path.stem)
def test_a_decision_says_where_what_and_with_what_consequences(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# {int(path.name[:4])}. ")
    assert re.search(r"^\*Area: ", text, re.MULTILINE)
    assert {"## Decision", "## Consequences"} <= set(text.splitlines())


def test_a_decision_fits_on_a_page() -> None:
    lines = {path.name: path.read_text(encoding="utf-8").count("\n") for path in _DECISIONS}
    assert {name: count for name, count in lines.items() if count > 100} == {}


def test_every_command_in_the_pages_is_a_target_of_make() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    texts = [path.read_text(encoding="utf-8") for path in pages.paths()]
    named = {name for text in texts for name in re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)}
    assert named <= targets


def test_every_log_event_that_is_explained_is_written() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    table = text.split("| event | is written when |")[1].split("\n\n")[0]
    first_cells = [row.split("|")[1] for row in table.splitlines() if row]
    events = {event for cell in first_cells for event in re.findall(r"`([a-z_]+)`", cell)}
    assert events
    assert events <= tree.constants("app", "core", "scheduler", "reaper")


def test_what_the_readme_calls_missing_is_missing() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    missing = re.findall(r"`(?:([A-Z]+) )?(/[a-z:/]+)`", text.split("\nNot yet: ")[1].split("\n\n")[0])
    paths = routes.described()["paths"]
    assert missing
    assert [path for method, path in missing if method and method.lower() in paths.get(path, {})] == []
    assert [path for method, path in missing if not method and any(p.startswith(path) for p in paths)] == []
