"""Reading `Retry-After`, in every form targets send it.

What a target writes here is a stranger's text: nothing in it may raise, and the answer is either none or a
finite number of seconds that is not negative. It is not yet within a policy's bounds; backoff sees to that.

Understood are seconds (also fractional), the three date forms of RFC 9110 §5.6.7, and durations such as
`6m5s`. Several values, in several headers or in one with commas, mean the longest of them.
"""

import re
from calendar import timegm
from collections.abc import Iterable

LONGEST_SECONDS = 31_536_000.0
"""A year. A longer wish means "very long" and stays usable in arithmetic on instants."""

Headers = Iterable[tuple[str | bytes, str | bytes]]

_SECONDS = re.compile(r"\+?[0-9]+(?:\.[0-9]*)?(?:e\+?[0-9]+)?", re.ASCII)
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|[dhms]))+", re.ASCII)
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|[dhms])", re.ASCII)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}

# The day of the week is left out: it says nothing, and so the comma after it may part values like any other.
_TIME = r"(?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})"
_DATES = (
    re.compile(rf"(?P<day>[0-9]{{1,2}}) (?P<month>[a-z]{{3}}) (?P<year>[0-9]{{4}}) {_TIME}(?: (?:gmt|utc))?"),
    re.compile(rf"(?P<day>[0-9]{{1,2}})-(?P<month>[a-z]{{3}})-(?P<year>[0-9]{{2}}) {_TIME}(?: (?:gmt|utc))?"),
    re.compile(rf"[a-z]{{3}} (?P<month>[a-z]{{3}}) +(?P<day>[0-9]{{1,2}}) {_TIME} (?P<year>[0-9]{{4}})"),
)
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, start=1)}
_MEAN_YEAR_SECONDS = 31_556_952


def retry_after(headers: Headers, *, now: float) -> float | None:
    """Seconds from `now` (Unix time) the target asks us to wait; none if it asks nothing we understand."""
    asked = [
        seconds
        for name, value in headers
        if _text(name).lower() == "retry-after"
        for part in _text(value).split(",")
        if (seconds := _seconds(part.strip().lower(), now)) is not None
    ]
    return max(asked, default=None)


def _text(raw: str | bytes) -> str:
    return raw.decode("latin-1") if isinstance(raw, bytes) else raw


def _seconds(text: str, now: float) -> float | None:
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST_SECONDS)
    if _DURATION.fullmatch(text):
        total = sum(float(amount) * _UNITS[unit] for amount, unit in _DURATION_PART.findall(text))
        return min(total, LONGEST_SECONDS)
    instant = _instant(text, now)
    return None if instant is None else min(max(instant - now, 0.0), LONGEST_SECONDS)


def _instant(text: str, now: float) -> float | None:
    """The Unix time an HTTP-date names."""
    found = next((match for form in _DATES if (match := form.fullmatch(text))), None)
    if found is None or found["month"] not in _MONTHS:
        return None
    day, month, year = int(found["day"]), _MONTHS[found["month"]], int(found["year"])
    hour, minute, second = (int(part) for part in found["time"].split(":"))
    if not 1 <= day <= 31 or hour > 23 or minute > 59 or second > 60:
        return None
    if len(found["year"]) == 2:
        year = _full_year(year, now)
    return float(timegm((max(year, 1), month, day, hour, minute, second)))


def _full_year(short: int, now: float) -> int:
    """The year nearest to now that ends so, and never more than 50 years ahead (RFC 9110 §5.6.7)."""
    earliest = 1970 + int(now // _MEAN_YEAR_SECONDS) - 49
    return earliest + (short - earliest) % 100
