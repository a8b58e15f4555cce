"""What a function can tell, and when it is told to stop."""

from collections.abc import Mapping
from typing import Any

import pytest

from noonmark.functions import Cancelled, Context


def test_progress_and_events_are_told_in_order() -> None:
    told: list[Mapping[str, Any]] = []
    ctx = Context(emit=told.append)
    ctx.progress(5, 12, "first half")
    ctx.event("uploaded", name="a.txt", bytes=3)
    assert told == [
        {"kind": "progress", "name": "progress", "done": 5, "total": 12, "message": "first half"},
        {"kind": "custom", "name": "uploaded", "data": {"name": "a.txt", "bytes": 3}},
    ]


@pytest.mark.parametrize("value", [object(), float("nan"), "x" * 20_000], ids=["no JSON", "NaN", "too large"])
def test_an_event_that_cannot_travel_is_refused_to_its_author(value: object) -> None:
    with pytest.raises(ValueError):
        Context().event("odd", value=value)


def test_a_log_line_shows_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    Context().log("sent", to="Zoë", message=2)
    assert capsys.readouterr().out == 'sent to="Zoë" message=2\n'


def test_what_is_told_to_stop_can_ask_or_be_raised_out() -> None:
    answers = iter([False, False, True, True])
    ctx = Context(stopped=lambda: next(answers))
    ctx.raise_if_cancelled()
    assert [ctx.cancelled, ctx.cancelled] == [False, True]
    with pytest.raises(Cancelled):
        ctx.raise_if_cancelled()
