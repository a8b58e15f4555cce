"""Every code that the API can answer with is in docs/errors.md, and no other."""

import ast
import re

import pytest

from app import faults
from core.egress.headers import HeaderFault
from core.egress.urls import RefusalCode
from docs.generator.pages import ROOT
from tests.unit.docs import tree

_PAGE = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
_ATTEMPT_ERRORS = "## Why an attempt failed"


def _problems() -> set[str]:
    return {code for _, module in tree.modules("app", "core") for code in _codes(module)}


def _codes(module: ast.Module) -> set[str]:
    """What our errors are called: a class's `code`, or the text that one is raised with."""
    found: set[str] = set()
    for node in ast.walk(module):
        match node:
            case ast.ClassDef(body=body):
                found |= {code for statement in body for code in _class_code(statement)}
            case ast.Call(func=ast.Name(id="Rejected"), args=[_, ast.Constant(value=str(code)), *_]):
                found.add(code)
            case ast.Call(func=ast.Name(id="Conflict"), args=[ast.Constant(value=str(code)), *_]):
                found.add(code)
            case ast.Call(func=ast.Name(id="Invalid"), keywords=keywords):
                found |= {value for keyword in keywords for value in _keyword(keyword, "code")}
    return found


def _class_code(statement: ast.stmt) -> list[str]:
    match statement:
        case ast.Assign(targets=[ast.Name(id="code")], value=ast.Constant(value=str(code))):
            return [code]
    return []


def _keyword(keyword: ast.keyword, name: str) -> list[str]:
    match keyword:
        case ast.keyword(arg=arg, value=ast.Constant(value=str(value))) if arg == name:
            return [value]
    return []


def _single_faults() -> set[str]:
    found = {str(code) for code in [*HeaderFault, *RefusalCode]}
    found |= set(vars(faults)["_CODES"].values())
    for _, module in tree.modules("app", "core"):
        for node in ast.walk(module):
            match node:
                case ast.Call(func=ast.Name(id="Fault"), args=[ast.Constant(value=str(code)), *_]):
                    found.add(code)
                case ast.Call(func=ast.Name(id="Fault"), keywords=keywords):
                    found |= {value for keyword in keywords for value in _keyword(keyword, "code")}
    return found


def _section(title: str) -> str:
    return _PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("code", sorted(_problems()))
def test_a_problem_is_documented(code: str) -> None:
    assert re.search(rf"\| \d{{3}} \| `{code}` \|", _section("Codes"))


def test_no_problem_is_documented_that_cannot_happen() -> None:
    named = re.findall(r"\| \d{3} \| `([a-z_]+)` \|", _section("Codes"))
    assert set(named) <= tree.constants("app", "core")


@pytest.mark.parametrize("code", sorted(_single_faults()))
def test_the_code_of_a_fault_is_documented(code: str) -> None:
    assert f"`{code}`" in _section("Codes of single faults")


def test_no_fault_is_documented_that_cannot_happen() -> None:
    cells = re.findall(r"^\| (`[^|]+) \|", _section("Codes of single faults"), re.MULTILINE)
    assert {code for cell in cells for code in re.findall(r"`([a-z_]+)`", cell)} == _single_faults()


def test_every_error_of_an_attempt_is_written_somewhere() -> None:
    named = re.findall(r"^\| `([a-z_]+)` \|", _PAGE.split(_ATTEMPT_ERRORS)[1], re.MULTILINE)
    assert set(named) <= tree.constants("scheduler", "reaper")
