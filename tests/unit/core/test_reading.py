"""Gauges of what a process has to look for."""

from prometheus_client import CollectorRegistry, generate_latest

from core.reading import Reading


class Now:
    at = 1000.0

    def __call__(self) -> float:
        return self.at


def shown(registry: CollectorRegistry) -> list[str]:
    return [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]


def test_nothing_is_shown_before_anybody_looked() -> None:
    registry = CollectorRegistry()
    Reading("things", "Some.", registry=registry)
    assert shown(registry) == []


def test_what_was_seen_is_shown_and_goes_when_it_is_old() -> None:
    registry, now = CollectorRegistry(), Now()
    reading = Reading("things", "Some.", registry=registry, fresh_seconds=60.0, now=now)
    reading.set(0)
    now.at += 59
    assert shown(registry) == ["things 0.0"]
    now.at += 2
    assert shown(registry) == []


def test_a_label_that_was_not_seen_again_is_gone() -> None:
    registry = CollectorRegistry()
    reading = Reading("things", "Some.", registry=registry, label="kind")
    reading.set_all({"a": 1, "b": 2})
    reading.set_all({"b": 3})
    assert shown(registry) == ['things{kind="b"} 3.0']
