"""Success rules: what the patterns mean, and what is said about wrong ones."""

from collections.abc import Sequence

import pytest

from core.jobs.success import MAX_PATTERNS, BadPattern, StatusSet, Success, compiled, parse_success


def covered(*patterns: str) -> list[int]:
    rule = parse_success(patterns)
    assert isinstance(rule, StatusSet)
    return [status for status in range(100, 700) if rule.covers(status)]


def faults(patterns: Sequence[object]) -> list[int | None]:
    found = parse_success(patterns)
    assert not isinstance(found, StatusSet)
    return [fault.index for fault in found]


def test_a_class_covers_its_hundred_statuses() -> None:
    assert covered("2xx") == list(range(200, 300))


def test_a_status_covers_itself_alone() -> None:
    assert covered("404") == [404]


def test_a_range_covers_both_its_ends() -> None:
    assert covered("200-204") == [200, 201, 202, 203, 204]


def test_patterns_add_up() -> None:
    assert covered("200", "302", "4XX") == [200, 302, *range(400, 500)]


@pytest.mark.parametrize(
    "pattern",
    [
        "", "2x", "2xxx", "xxx", "1xx", "100", "6xx", "600", "099", "20", "2000", "200-", "-204",
        "200-2xx", "200 - 204", " 200", "200\n", "٢٠٠", "2xx,404", 200, None, ["2xx"], True,
    ],
)  # fmt: skip
def test_what_is_no_pattern_is_named_by_its_place(pattern: object) -> None:
    assert faults(["2xx", pattern]) == [1]


def test_a_range_must_not_run_backwards() -> None:
    assert parse_success(["204-200"]) == (BadPattern(0, "The range ends before it starts."),)


def test_every_fault_is_reported() -> None:
    assert faults(["x", "2xx", "y", 3]) == [0, 2, 3]


def test_an_empty_list_is_a_fault_of_the_list() -> None:
    assert faults([]) == [None]


def test_too_many_patterns_are_a_fault_of_the_list() -> None:
    assert faults(["2xx"] * (MAX_PATTERNS + 1)) == [None]


def test_a_stored_rule_is_parsed_once() -> None:
    assert compiled('{"status":["2xx"]}') is compiled('{"status":["2xx"]}')
    assert compiled("{}") == parse_success(Success().status)


def test_a_rule_that_was_stored_unchecked_is_a_bug_and_says_so() -> None:
    with pytest.raises(ValueError, match="not a success rule"):
        compiled('{"status":["sometimes"]}')
