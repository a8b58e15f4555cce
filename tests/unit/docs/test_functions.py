"""The pieces in docs/functions.md work, and its tables are complete."""

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from docs.generator.pages import ROOT
from noonmark.functions import Context, Hook, PermanentFailure, Registry
from noonmark.functions.keeper import PERMANENT_EXIT
from scheduler.functions import basic, calling, compute, encoding, process

_PAGE = (ROOT / "docs" / "functions.md").read_text(encoding="utf-8")
_BUILT_IN = [
    basic.echo,
    basic.failing,
    calling.api,
    compute.math_of,
    encoding.video,
    process.data,
    process.batch,
]


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    """The names that the page's Python defines."""
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", _PAGE, re.DOTALL):
        exec(compile(block, "docs/functions.md", "exec"), names)
    return names


def test_the_function_that_is_shown_works(page: dict[str, Any], tmp_path: Path) -> None:
    page["test_a_report_has_its_pages"](tmp_path)
    with pytest.raises(PermanentFailure):
        page["render"](Context(), {"pages": 0})
    assert all(page["render"].hooks[hook] for hook in Hook)


def test_everything_that_can_be_given_is_listed() -> None:
    for name in inspect.signature(Registry().job).parameters:
        assert f"`{name}`" in _PAGE or name == "key"


def test_everything_that_a_context_has_is_listed() -> None:
    for name in vars(Context()) | vars(Context):
        assert name.startswith("_") or f"`ctx.{name}" in _PAGE or name in ("logger", "hook_called")


@pytest.mark.parametrize("function", _BUILT_IN, ids=repr)
def test_a_function_that_is_there_is_listed_with_its_params(function: Any) -> None:
    (row,) = [line for line in _PAGE.splitlines() if line.startswith(f"| `{function.name}` |")]
    kinds = [function.schema, *function.schema.get("oneOf", ())]
    for name in {name for kind in kinds for name in kind.get("properties", {})}:
        assert f"`{name}`" in row


def test_the_code_of_a_permanent_failure_is_the_one_that_is_named() -> None:
    assert f"fails with exit code {PERMANENT_EXIT}" in _PAGE
