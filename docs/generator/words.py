"""The closed sets of words: an enum's members with the sentence that stands below each in the source."""

import ast
import inspect
from enum import StrEnum

from core.jobs.model import Event, Outcome
from docs.generator.markdown import table
from scheduler.verdict import FailureCode


def described(words: type[StrEnum]) -> dict[str, str]:
    """Each member's value and its sentence, which is empty where none stands."""
    (tree,) = ast.parse(inspect.getsource(words)).body
    assert isinstance(tree, ast.ClassDef)
    said: dict[str, str] = {}
    name = ""
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)]):
                said[words[name].value] = ""
            case ast.Expr(value=ast.Constant(value=str(sentence))) if name:
                said[words[name].value] = sentence
    return said


def outcomes() -> str:
    """How an attempt can end."""
    return table(("outcome", "meaning"), _rows(Outcome))


def events() -> str:
    """What a job's history can say."""
    return "".join(f"- `{event}`\n" for event in Event)


def attempt_errors() -> str:
    """Why a call brought back no response."""
    return table(("code", "meaning"), _rows(FailureCode))


def _rows(words: type[StrEnum]) -> list[tuple[str, str]]:
    return [(f"`{word}`", sentence) for word, sentence in described(words).items()]
