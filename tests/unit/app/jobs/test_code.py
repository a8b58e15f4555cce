"""Targets that are code, from the submitted form to the stored one and back."""

from typing import Any

import msgspec
import pytest

from app.jobs import code
from app.jobs.code_schemas import CreateContainer, CreateFunction
from app.jobs.content import Content
from app.jobs.masking import MASK
from core.jobs.model import BodyKind

IMAGE = "registry.example/report:1"


def container(**given: Any) -> CreateContainer:
    """A container that has nothing wrong, unless told otherwise."""
    fine = {"image": IMAGE, "command": ["report", "--all"]}
    return msgspec.convert(fine | given, CreateContainer)


def wrong(**given: Any) -> list[tuple[str, str]]:
    return [(str(fault.pointer), fault.code) for fault in code.faults(container(**given))]


def test_a_plain_container_has_nothing_wrong() -> None:
    assert wrong() == []


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"image": None}, "/target/image"),
        ({"image": None, "runtime": "kubernetes"}, "/target/image"),
        ({"runtime": "process"}, "/target/image"),
        ({"runtime": "process", "image": None, "command": []}, "/target/command"),
        ({"command": [""]}, "/target/command/0"),
        ({"command": ["a\0b"]}, "/target/command"),
        ({"command": ["x" * 33_000]}, "/target/command"),
        ({"env": {"1A": "x"}}, "/target/env/1A"),
        ({"env": {"A=B": "x"}}, "/target/env/A=B"),
        ({"env": {"a/b": "x"}}, "/target/env/a~1b"),
        ({"env": {"NOONMARK_JOB_ID": "x"}}, "/target/env/NOONMARK_JOB_ID"),
        ({"env": {"A": "x\0"}}, "/target/env/A"),
        ({"env": {"API_TOKEN": MASK}}, "/target/env/API_TOKEN"),
        ({"env": {"A": "x" * 33_000}}, "/target/env"),
        ({"secret_env": ["A"]}, "/target/secret_env/0"),
    ],
)
def test_every_fault_is_told_with_its_place(given: dict[str, Any], pointer: str) -> None:
    assert [place for place, _ in wrong(**given)] == [pointer]


def test_secret_variables_are_kept_apart_and_shown_masked() -> None:
    asked = container(env={"A": "1", "API_TOKEN": "t", "B": "2"}, secret_env=["B"])
    target, secret = code.stored(asked)
    assert secret == {"API_TOKEN": "t", "B": "2"}
    assert b'"2"' not in msgspec.json.encode(target)
    shown = msgspec.to_builtins(code.shown(target, None))
    assert shown["env"] == {"A": "1", "API_TOKEN": MASK, "B": MASK}


@pytest.mark.parametrize(
    "asked",
    [
        container(
            memory_mb=64, cpus=0.5, pids=9, network=True, permanent_exit_codes=[2], working_directory="/x"
        ),
        CreateFunction(function="compute.math@1"),
    ],
)
def test_what_is_shown_is_what_was_submitted(asked: CreateContainer | CreateFunction) -> None:
    target, _ = code.stored(asked)
    assert msgspec.to_builtins(code.shown(target, None)) == msgspec.to_builtins(asked)


def test_params_are_the_body_and_keep_their_spelling() -> None:
    asked = msgspec.json.decode(
        b'{"type":"function","function":"echo@1","params":{"n": 1.50}}', type=CreateFunction
    )
    body = code.body(asked)
    assert body == Content(BodyKind.JSON, b'{"n":1.50}')
    target, _ = code.stored(asked)
    assert b'"params":{"n":1.50}' in msgspec.json.encode(code.shown(target, b'{"n":1.50}'))
