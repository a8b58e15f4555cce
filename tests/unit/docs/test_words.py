"""One word per idea: words that mean something else to everybody name nothing of ours."""

import ast
import re
from collections.abc import Iterator

from core.jobs.model import Event, Outcome, State
from core.settings import Settings
from core.tables import metadata
from docs.generator import metrics
from docs.generator.pages import ROOT
from tests.unit.docs import tree

_FOREIGN = {"worker", "workers", "execution", "executions", "executor", "run", "runs", "task", "tasks"}
_IN_CODE = {"worker", "workers", "execution", "executions", "executor"}
"""`run` is a verb and `task` is asyncio's, so in code these two may stand."""
_LEVELS = {"debug", "info", "warning", "error", "exception"}


def _words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def _foreign(names: Iterator[str] | set[str], banned: set[str] = _FOREIGN) -> set[str]:
    return {name for name in names if _words(name) & banned}


def _logged() -> Iterator[str]:
    """Events and keys of the lines that are logged."""
    for _, module in tree.modules(*tree.OURS):
        for node in ast.walk(module):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="_log"), attr=attr), args=args, keywords=keywords
                ) if attr in _LEVELS:
                    yield from (str(arg.value) for arg in args if isinstance(arg, ast.Constant))
                    yield from (keyword.arg for keyword in keywords if keyword.arg)


def _defined() -> Iterator[str]:
    """What our own code gives a name to."""
    for _, module in tree.modules(*tree.OURS):
        for node in ast.walk(module):
            match node:
                case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    yield name
                case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                    yield name
                case ast.Attribute(attr=name, ctx=ast.Store()):
                    yield name


def test_tables_and_columns_speak_our_words() -> None:
    tables = metadata.tables.values()
    names = {table.name for table in tables} | {column.name for table in tables for column in table.columns}
    assert _foreign(names) == set()


def test_metrics_and_their_labels_speak_our_words() -> None:
    assert _foreign(set(re.findall(r"`([a-z_]+)`", metrics.table(ROOT)))) == set()


def test_settings_speak_our_words() -> None:
    assert _foreign(set(Settings.__struct_fields__)) == set()


def test_states_outcomes_and_events_speak_our_words() -> None:
    assert _foreign({str(word) for words in (State, Outcome, Event) for word in words}) == set()


def test_logs_speak_our_words() -> None:
    assert _foreign(_logged()) == set()


def test_code_speaks_our_words() -> None:
    assert _foreign(_defined(), _IN_CODE) == set()


def test_a_word_is_found_inside_a_name() -> None:
    assert _foreign({"worker_id", "TaskQueue", "lastRun", "runtime", "outcome"}) == {
        "worker_id",
        "TaskQueue",
        "lastRun",
    }
