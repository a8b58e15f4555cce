"""The generated blocks of README.md and docs/ say what the code says."""

from pathlib import Path

import pytest

from docs.generator import folders, pages
from docs.generator.markdown import table


@pytest.mark.parametrize("path", pages.paths(), ids=lambda path: str(path.relative_to(pages.ROOT)))
def test_a_page_is_up_to_date(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text == pages.filled(text), "write it anew: make docs"


def test_every_source_of_a_block_has_its_place() -> None:
    used = {name for path in pages.paths() for name in pages.used(path.read_text(encoding="utf-8"))}
    assert used == pages.BLOCKS.keys()


def test_what_stands_outside_the_markers_is_never_touched() -> None:
    page = "before\n<!-- generated: events -->\nold\n<!-- end -->\nafter\n"
    filled = pages.filled(page)
    assert filled.startswith("before\n<!-- generated: events -->\n- `created`\n")
    assert filled.endswith("<!-- end -->\nafter\n")
    assert "old" not in filled


def test_a_block_without_a_source_is_an_error() -> None:
    with pytest.raises(KeyError):
        pages.filled("<!-- generated: weather -->\n<!-- end -->\n")


def test_a_cell_cannot_break_its_table() -> None:
    assert table(("a",), [("x | y\nz",)]) == "| a |\n| --- |\n| x \\| y z |\n"


def test_a_folder_that_nobody_has_described_is_named(tmp_path: Path) -> None:
    (tmp_path / "attic").mkdir()
    (tmp_path / "attic" / "box.py").touch()
    with pytest.raises(KeyError, match="attic"):
        folders.table(tmp_path)


def test_an_empty_folder_is_not_on_the_map(tmp_path: Path) -> None:
    (tmp_path / "infra" / "later").mkdir(parents=True)
    assert folders.present(tmp_path) == []
