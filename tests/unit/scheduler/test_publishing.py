"""What a replica says of its functions, and which it refuses to say anything of."""

from typing import Any

import pytest

from scheduler import publishing
from scheduler.runtimes.function_host import Registered


def registered(**given: Any) -> Registered:
    defaults: dict[str, Any] = {
        "key": "a", "version": 1, "timeout_seconds": 1.5, "max_attempts": 3, "concurrency": 2, "schema": None,
    }  # fmt: skip
    return Registered(**(defaults | given))


def test_a_function_is_published_with_what_it_was_registered_with() -> None:
    shown = publishing.published(registered(schema={"type": "object"}, description="x" * 2000))
    assert (shown.name, shown.timeout_seconds, shown.max_attempts, shown.concurrency) == ("a@1", 2, 3, 2)
    assert shown.params_schema == {"type": "object"}
    assert len(shown.description) == 1000


def test_sound_functions_are_not_refused() -> None:
    assert publishing.refusal([registered(schema={"type": "object"}), registered(version=2)]) is None


@pytest.mark.parametrize(
    ("catalogue", "why"),
    [
        ([registered(schema={"items": {"type": "strin"}})], "the schema of a@1 is not valid: /items/type"),
        ([registered(schema={"$ref": "http://x/"})], "the schema of a@1 is not valid: /$ref"),
        ([registered(key="A")], "A@1 is no name"),
        ([registered()] * 1001, "there are 1001 functions"),
    ],
)
def test_what_cannot_be_published_says_why(catalogue: list[Registered], why: str) -> None:
    assert str(publishing.refusal(catalogue)).startswith(why)
