"""Arithmetic of results: medians and spread of rounds, percentiles, lateness. Pure."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import msgspec

Flat: TypeAlias = dict[str, float | str]


class Tally:
    """Values of several rounds by name."""

    def __init__(self) -> None:
        self._rounds: dict[str, list[float]] = {}

    def add(self, prefix: str, values: Mapping[str, float]) -> None:
        """One round's values; names are the prefix and theirs."""
        for name, value in values.items():
            self._rounds.setdefault(f"{prefix}{name}", []).append(value)

    def median(self, name: str) -> float:
        return statistics.median(self._rounds[name])

    def flat(self) -> Flat:
        """Each name's median, with the least and the most where there was more than one round."""
        found: Flat = {}
        for name, values in self._rounds.items():
            found[name] = significant(statistics.median(values))
            if len(values) > 1:
                found[f"{name}_min"] = significant(min(values))
                found[f"{name}_max"] = significant(max(values))
        return found


class Lateness(msgspec.Struct, frozen=True):
    """How long after its instant each call arrived, milliseconds."""

    p50_ms: float
    p99_ms: float
    max_ms: float
    early: float
    """Calls that arrived before their instant."""
    missing: float
    """Jobs whose call did not arrive."""


def lateness(arrivals: Iterable[tuple[str, float]], due: Mapping[str, float]) -> Lateness:
    """Of the first arrival of each job that is due; a job's id leads to its instant, epoch seconds."""
    late: dict[str, float] = {}
    for job, at in arrivals:
        if job in due and job not in late:
            late[job] = (at - due[job]) * 1000
    ordered = sorted(late.values())
    if not ordered:
        raise ValueError("nothing arrived")
    return Lateness(
        p50_ms=percentile(ordered, 50),
        p99_ms=percentile(ordered, 99),
        max_ms=ordered[-1],
        early=float(sum(1 for value in ordered if value < 0)),
        missing=float(len(due) - len(late)),
    )


def warm(due: Mapping[str, float]) -> dict[str, float]:
    """Without the first tenth of the time, in which programs are still getting under way: anybody's."""
    start, end = min(due.values()), max(due.values())
    return {job: at for job, at in due.items() if at >= start + (end - start) / 10}


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile of sorted values."""
    rank = max(0, -(-len(ordered) * share // 100) - 1)
    return ordered[int(rank)]


def significant(value: float) -> float:
    """Four digits are more than any of these measurements can tell."""
    return float(f"{value:.4g}")
