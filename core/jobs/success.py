"""Which HTTP statuses count as success for a job.

The default is any 2xx. A rule replaces the default altogether, so it can narrow it (`["200"]`) or widen it
(`["2xx", "404"]`). Patterns are checked when the job is created; what is stored is valid, and reading it back
must not cost a parse for every response.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

import msgspec

MAX_PATTERNS = 32

_PATTERN = re.compile(r"([2-5])xx|([2-5][0-9]{2})(?:-([2-5][0-9]{2}))?", re.IGNORECASE)


class Success(msgspec.Struct, frozen=True):
    """A job's success rule, as it is submitted, stored and shown."""

    status: tuple[str, ...] = ("2xx",)
    """Patterns: a class (`2xx`), a status (`404`), or a range with both ends (`200-204`)."""


_rules = msgspec.json.Decoder(Success)


class BadPattern(msgspec.Struct, frozen=True):
    """One fault in a submitted rule."""

    index: int | None
    """Where the bad item stands in the list; none when the list as a whole is at fault."""

    message: str
    """What is wrong, as a sentence for the user."""


class StatusSet(msgspec.Struct, frozen=True):
    """A parsed rule."""

    statuses: frozenset[int]

    def covers(self, status: int) -> bool:
        return status in self.statuses


def parse_success(patterns: Sequence[object]) -> StatusSet | tuple[BadPattern, ...]:
    """The set of statuses these patterns mean, or every fault in them."""
    if not patterns:
        return (BadPattern(None, "Name at least one status; without any, no attempt could succeed."),)
    if len(patterns) > MAX_PATTERNS:
        return (BadPattern(None, f"Name at most {MAX_PATTERNS} statuses."),)
    parsed = [_parse(index, pattern) for index, pattern in enumerate(patterns)]
    faults = tuple(item for item in parsed if isinstance(item, BadPattern))
    spans = [item for item in parsed if not isinstance(item, BadPattern)]
    return faults or StatusSet(frozenset[int]().union(*spans))


@lru_cache(maxsize=1024)
def compiled(stored: str) -> StatusSet:
    """The set of statuses a stored rule, which is JSON, means; ValueError if it was stored unchecked."""
    parsed = parse_success(_rules.decode(stored).status)
    if isinstance(parsed, StatusSet):
        return parsed
    raise ValueError(f"not a success rule: {parsed[0].message}")


def _parse(index: int, pattern: object) -> range | BadPattern:
    match = _PATTERN.fullmatch(pattern) if isinstance(pattern, str) else None
    if match is None:
        return BadPattern(index, 'Write "2xx", "404" or "200-204"; a final status is from 200 to 599.')
    if match[1]:
        return range(int(match[1]) * 100, int(match[1]) * 100 + 100)
    low, high = int(match[2]), int(match[3] or match[2])
    if low > high:
        return BadPattern(index, "The range ends before it starts.")
    return range(low, high + 1)
