"""Retry-After in every form, and in none."""

import pytest

from scheduler.retry_after import LONGEST_SECONDS, retry_after

NOW = 784_111_777.0
"""Sun, 06 Nov 1994 08:49:37 GMT, the instant of RFC 9110's examples."""


def asked(*values: str | bytes, now: float = NOW) -> float | None:
    return retry_after([("Retry-After", value) for value in values], now=now)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0), ("7", 7), (" 7 ", 7), ("\t7", 7), ("+7", 7), ("007", 7), ("1.5", 1.5), ("7.", 7),
        ("1e2", 100), (b"7", 7),
    ],
)  # fmt: skip
def test_seconds_are_read(value: str | bytes, seconds: float) -> None:
    assert asked(value) == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("6m5s", 365), ("1h", 3600), ("1h0m0.5s", 3600.5), ("500ms", 0.5), ("2d", 172_800), ("3M", 180)],
)
def test_durations_are_read(value: str, seconds: float) -> None:
    assert asked(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        "Sun, 06 Nov 1994 08:50:37 GMT",
        "Sunday, 06-Nov-94 08:50:37 GMT",
        "Sun Nov  6 08:50:37 1994",
        "sun, 06 nov 1994 08:50:37 gmt",
        "06 Nov 1994 08:50:37 GMT",
        "Sun, 6 Nov 1994 08:50:37 UTC",
    ],
)
def test_dates_are_read_relative_to_now(value: str) -> None:
    assert asked(value) == 60


def test_a_date_in_the_past_means_at_once() -> None:
    assert asked("Sat, 05 Nov 1994 08:49:37 GMT") == 0


@pytest.mark.parametrize(
    ("short_year", "now", "years_ahead"),
    [("27", 1_795_219_200.0, 1), ("76", 1_795_219_200.0, 50), ("77", 1_795_219_200.0, None)],
    ids=["next year", "fifty years ahead", "fifty-one years ahead is the past"],
)
def test_a_two_digit_year_is_the_nearest_that_is_not_far_ahead(
    short_year: str, now: float, years_ahead: int | None
) -> None:
    seconds = asked(f"Saturday, 21-Nov-{short_year} 00:00:00 GMT", now=now)
    assert seconds == (0 if years_ahead is None else LONGEST_SECONDS)


def test_a_leap_second_is_a_time() -> None:
    assert asked("Sun, 06 Nov 1994 08:49:60 GMT") == 23


@pytest.mark.parametrize(
    "value", ["1e9", "9" * 400, "1e999", "99999999999h", "Fri, 31 Dec 9999 23:59:59 GMT"]
)
def test_a_huge_wish_is_a_finite_long_time(value: str) -> None:
    assert asked(value) == LONGEST_SECONDS


@pytest.mark.parametrize(
    "value",
    [
        "", " ", "-1", "-1.5", "soon", "NaN", "inf", "Infinity", "0x10", "1_000", "١٢", "5 minutes", "5x",
        "m", "5m5", "Sun, 06 Nov 1994", "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT", "Sun, 06 Nov 1994 08:61:37 GMT", "Sun, 06 Nov 1994 08:49:37 PST",
        "08:49:37", "\x00", "\ud800", b"\xff\xfe", "1" + " " * 50 + "2",
    ],
)  # fmt: skip
def test_garbage_asks_nothing(value: str | bytes) -> None:
    assert asked(value) is None


def test_of_several_headers_the_longest_counts() -> None:
    assert asked("5", "nonsense", "Sun, 06 Nov 1994 08:50:37 GMT", "10") == 60


def test_headers_joined_by_commas_are_several() -> None:
    assert asked("5, Sun, 06 Nov 1994 08:50:37 GMT, 10") == 60


def test_the_name_is_read_in_any_case_and_as_bytes() -> None:
    assert retry_after([(b"rEtRy-AfTeR", b"9")], now=NOW) == 9


def test_other_headers_ask_nothing() -> None:
    assert retry_after([("X-RateLimit-Reset", "60"), ("RateLimit-Reset", "60")], now=NOW) is None


def test_no_header_asks_nothing() -> None:
    assert retry_after([], now=NOW) is None
