"""Filters as they are written into a query."""

from datetime import UTC, datetime

import pytest

from noonmark import State
from noonmark.options import filtering


def test_states_and_labels_are_repeated() -> None:
    which = {"state": [State.QUEUED, "running"], "labels": {"team": "billing", "env": "live"}}
    assert filtering(which) == (
        ("state", "queued"),
        ("state", "running"),
        ("label", "team=billing"),
        ("label", "env=live"),
    )


def test_one_state_need_not_be_a_list() -> None:
    assert filtering({"state": "failed"}) == (("state", "failed"),)


def test_times_are_written_with_their_offset() -> None:
    noon = datetime(2027, 1, 1, 12, tzinfo=UTC)
    assert filtering({"fire_after": noon}) == (("fire_after", "2027-01-01T12:00:00+00:00"),)


def test_a_time_without_one_is_refused() -> None:
    with pytest.raises(ValueError, match="created_before needs a time zone"):
        filtering({"created_before": datetime(2027, 1, 1)})  # noqa: DTZ001


def test_a_filter_that_there_is_not_is_refused() -> None:
    with pytest.raises(TypeError, match="no option colour"):
        filtering({"colour": "red"})
