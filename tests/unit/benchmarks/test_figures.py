"""Medians, percentiles, lateness."""

import pytest

from benchmarks import figures
from benchmarks.figures import Tally


def test_one_round_has_no_spread() -> None:
    tally = Tally()
    tally.add("http_", {"jobs_per_s": 4000.0})
    assert tally.flat() == {"http_jobs_per_s": 4000.0}


def test_several_rounds_give_the_median_and_the_spread() -> None:
    tally = Tally()
    for value in (3.0, 1.0, 2.0):
        tally.add("", {"figure": value})
    assert tally.flat() == {"figure": 2.0, "figure_min": 1.0, "figure_max": 3.0}


def test_results_have_four_digits() -> None:
    assert figures.significant(123456.789) == 123500.0


@pytest.mark.parametrize(("share", "expected"), [(50, 50.0), (99, 99.0), (100, 100.0), (1, 1.0)])
def test_a_percentile_is_a_value_that_was_measured(share: float, expected: float) -> None:
    assert figures.percentile([float(value) for value in range(1, 101)], share) == expected


def test_the_percentile_of_one_value_is_that_value() -> None:
    assert figures.percentile([7.0], 99) == 7.0


def test_lateness_counts_the_first_call_of_a_job_only() -> None:
    late = figures.lateness([("a", 10.001), ("a", 12.0)], {"a": 10.0})
    assert late.max_ms == pytest.approx(1.0)


def test_lateness_counts_calls_before_their_instant() -> None:
    late = figures.lateness([("a", 9.999), ("b", 10.002)], {"a": 10.0, "b": 10.0})
    assert late.early == 1


def test_lateness_counts_calls_that_did_not_come() -> None:
    assert figures.lateness([("a", 10.0)], {"a": 10.0, "b": 10.0}).missing == 1


def test_calls_of_unknown_jobs_are_nobodys_lateness() -> None:
    assert figures.lateness([("a", 10.0), ("z", 99.0)], {"a": 10.0}).max_ms == 0


def test_the_first_tenth_of_the_time_is_for_warming_up() -> None:
    assert figures.warm({"a": 0.0, "b": 0.9, "c": 1.0, "d": 10.0}) == {"c": 1.0, "d": 10.0}


def test_of_jobs_at_one_instant_none_is_for_warming_up() -> None:
    assert figures.warm({"a": 5.0, "b": 5.0}) == {"a": 5.0, "b": 5.0}


def test_lateness_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing arrived"):
        figures.lateness([], {"a": 1.0})
