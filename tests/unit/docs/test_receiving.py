"""The pieces in docs/receiving.md do what the page says."""

import re
import sqlite3
import time
from collections.abc import Iterator
from typing import Any

import pytest

from core import signing
from docs.generator.pages import ROOT
from noonmark import Delivery

_PAGE = (ROOT / "docs" / "receiving.md").read_text(encoding="utf-8")
_SECRET = signing.new_secret()


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    """The names that the page's Python defines."""
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", _PAGE, re.DOTALL):
        exec(compile(block, "docs/receiving.md", "exec"), names)
    return names


@pytest.fixture
def database(page: dict[str, Any]) -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(":memory:")
    opened.execute(page["SCHEMA"])
    yield opened
    opened.close()


def _delivery(attempt: int = 1) -> Delivery:
    return Delivery("job-1", 0, attempt, b"{}")


def _signed(body: bytes, *, age: int = 0) -> dict[str, str]:
    now = int(time.time()) - age
    signature = signing.sign([signing.signer(_SECRET)], message_id="job-1", timestamp=now, body=body)
    return {"webhook-id": "job-1", "webhook-timestamp": str(now), "webhook-signature": signature}


def test_a_signed_delivery_is_handled(page: dict[str, Any]) -> None:
    handled: list[Delivery] = []
    status = page["receive"](_signed(b"{}"), b"{}", secrets=_SECRET, handle=handled.append)
    assert (status, [each.id for each in handled]) == (200, ["job-1"])


@pytest.mark.parametrize(("body", "age"), [(b"{ }", 0), (b"{}", 301)], ids=["changed", "old"])
def test_what_is_changed_or_old_is_refused_and_not_handled(
    page: dict[str, Any], body: bytes, age: int
) -> None:
    handled: list[Delivery] = []
    status = page["receive"](_signed(b"{}", age=age), body, secrets=_SECRET, handle=handled.append)
    assert (status, handled) == (401, [])


def test_a_repeated_delivery_is_worked_on_once(page: dict[str, Any], database: sqlite3.Connection) -> None:
    done: list[bytes] = []
    answers = [page["once"](database, _delivery(attempt), done.append) for attempt in (1, 2)]
    assert (answers, done) == ([True, False], [b"{}"])


def test_work_that_failed_is_not_noted_as_done(page: dict[str, Any], database: sqlite3.Connection) -> None:
    def broken(_: bytes) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        page["once"](database, _delivery(), broken)
    assert page["once"](database, _delivery(2), lambda _: None)


def test_an_older_attempt_does_not_overtake_a_newer(
    page: dict[str, Any], database: sqlite3.Connection
) -> None:
    assert [page["newest"](database, _delivery(attempt)) for attempt in (1, 3, 2, 3, 4)] == [
        True, True, False, False, True,
    ]  # fmt: skip
