"""Every promise has a test that names it, and no test names a promise that was not made."""

from pathlib import Path

import pytest

from docs.generator import promises
from docs.generator.pages import ROOT
from docs.generator.promises import Proof


@pytest.fixture(scope="module")
def proofs() -> list[Proof]:
    """All of this tree; to find them, every test file is read."""
    return promises.proofs(ROOT)


@pytest.mark.parametrize("number", promises.PROMISES)
def test_a_promise_has_a_test(number: int, proofs: list[Proof]) -> None:
    assert [proof for proof in proofs if proof.promise == number]


def test_no_test_keeps_a_promise_that_was_not_made(proofs: list[Proof]) -> None:
    assert {proof.promise for proof in proofs} <= promises.PROMISES.keys()


def _found(root: Path, text: str) -> list[Proof]:
    (root / "tests").mkdir()
    (root / "tests" / "test_it.py").write_text(text)
    return promises.proofs(root)


def test_a_marked_test_is_found_once_for_each_promise(tmp_path: Path) -> None:
    text = "@pytest.mark.promise(2)\n@pytest.mark.promise(1, 2)\nasync def test_one(): ...\n"
    assert _found(tmp_path, text) == [
        Proof(1, "tests/test_it.py", "test_one"),
        Proof(2, "tests/test_it.py", "test_one"),
    ]


def test_a_mark_on_a_file_counts_for_its_tests_alone(tmp_path: Path) -> None:
    text = "pytestmark = [pytest.mark.promise(3)]\ndef test_one(): ...\ndef helper(): ...\n"
    assert _found(tmp_path, text) == [Proof(3, "tests/test_it.py", "test_one")]


def test_other_marks_promise_nothing(tmp_path: Path) -> None:
    assert _found(tmp_path, "@pytest.mark.timeout(9)\ndef test_one(): ...\n") == []


def test_a_tests_name_is_its_sentence() -> None:
    assert Proof(1, "tests/test_it.py", "test_nothing_is_lost").sentence == "nothing is lost"
