"""House rules that hold for every file, whoever wrote it."""

import re

import pytest

from tests.unit.docs import tree

_MOST_LINES = 400
_NOT_WRITTEN_BY_HAND = re.compile(
    r"requirements/[a-z]+\.txt|docs/openapi\.json|docs/reference\.md|infra/observability/grafana/.+\.json"
)
_UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")
_MACHINE = re.compile(r"(?<![\w.$}~-])/(?:root|work|home/\w+|Users/\w+)/")
# Not docker.io: a Debian package, and what an image without a registry stands for.
_REGISTRY = re.compile(
    r"\b[\w.-]*(?:pypi|pythonhosted|npmjs|ghcr|quay|gcr|crates|jfrog)[\w-]*\.(?:org|com|io|dev)\b"
)


def _matching(pattern: re.Pattern[str]) -> list[str]:
    return [f"{path}: {found[0]}" for path, text in tree.files() if (found := pattern.search(text))]


def test_no_file_is_longer_than_one_can_read() -> None:
    long = {path: text.count("\n") for path, text in tree.files() if not _NOT_WRITTEN_BY_HAND.fullmatch(path)}
    assert {path: lines for path, lines in long.items() if lines > _MOST_LINES} == {}


@pytest.mark.parametrize(
    "pattern", [_UNFINISHED, _MACHINE, _REGISTRY], ids=["unfinished", "machine", "registry"]
)
def test_no_file_holds(pattern: re.Pattern[str]) -> None:
    assert _matching(pattern) == []


def test_every_package_says_what_belongs_in_it_and_nothing_else() -> None:
    packages = [each for each in tree.modules(*tree.OURS) if each[0].endswith("__init__.py")]
    wordy = [path for path, module in packages if len(module.body) != 1]
    # The client's packages are what its users import from.
    assert set(wordy) == {"noonmark/__init__.py", "noonmark/functions/__init__.py"}
