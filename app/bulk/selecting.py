"""From the body of a bulk action to a filter, and to what the audit tells of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from app.bulk.schemas import CancelJobs, PurgeLetters, Selection, SelectLetters
from app.dead_letters.filters import LetterFilter
from app.jobs import checks
from app.jobs.filters import Filter
from core.errors import Fault, Invalid
from core.jobs.model import State

_ELSEWHERE = {"all", "dry_run", "state", "per_second", "older_than_seconds"}


def jobs(asked: CancelJobs) -> Filter:
    """Which jobs. Raises Invalid."""
    which = Filter(states=frozenset(map(State, asked.state)), **_members(asked))
    _refuse(asked, narrowed=which != Filter())
    return which


def letters(asked: SelectLetters) -> LetterFilter:
    """Which dead letters. Raises Invalid."""
    age = asked.older_than_seconds if isinstance(asked, PurgeLetters) else None
    which = LetterFilter(**_members(asked))
    _refuse(asked, narrowed=which != LetterFilter() or age is not None)
    if age is None:
        return which
    latest = datetime.now(UTC) - timedelta(seconds=age)
    return msgspec.structs.replace(which, failed_before=min(latest, which.failed_before or latest))


def told(asked: Selection) -> dict[str, Any]:
    """The selection for the audit, but for the text that URLs were searched for: it may be a secret."""
    given = {name: getattr(asked, name) for name in asked.__struct_fields__ if name != "dry_run"}
    found = {name: value for name, value in given.items() if value}
    return {"asked": found | ({"url_contains": "***"} if "url_contains" in found else {})}


def _members(asked: Selection) -> dict[str, Any]:
    return {name: getattr(asked, name) for name in asked.__struct_fields__ if name not in _ELSEWHERE}


def _refuse(asked: Selection, *, narrowed: bool) -> None:
    """A body says which, or that it means all of them: never neither, and never both."""
    faults = [
        Fault("out_of_range", checks.YEARS, pointer=f"/{name}")
        for name, at in _members(asked).items()
        if isinstance(at, datetime) and not checks.in_range(at)
    ]
    if narrowed == asked.all:
        code = "conflicting" if asked.all else "missing"
        faults.append(Fault(code, "give a filter, or all: true", pointer="/all"))
    if faults:
        raise Invalid(faults)
