"""A histogram counted by one thread."""

from prometheus_client import CollectorRegistry, Histogram, generate_latest

from core.distribution import Distribution

BOUNDS = (0.5, 1, 2.5)
VALUES = (0.1, 0.5, 0.7, 2.5, 9.0)


def shown(registry: CollectorRegistry) -> list[bytes]:
    """The exposition, without the instant of creation that ours does not keep."""
    return [line for line in generate_latest(registry).splitlines() if b"_created" not in line]


def test_it_shows_what_the_librarys_own_histogram_shows() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    mine = Distribution("seconds", "Of something.", buckets=BOUNDS, registry=ours)
    other = Histogram("seconds", "Of something.", buckets=BOUNDS, registry=theirs)
    for value in VALUES:
        mine.observe(value)
        other.observe(value)
    assert shown(ours) == shown(theirs)


def test_many_at_once_count_as_one_by_one() -> None:
    single, batch = CollectorRegistry(), CollectorRegistry()
    one = Distribution("seconds", "Of something.", buckets=BOUNDS, registry=single)
    for value in VALUES:
        one.observe(value)
    Distribution("seconds", "Of something.", buckets=BOUNDS, registry=batch).observe_all(VALUES)
    assert shown(single) == shown(batch)


def test_what_was_never_observed_is_shown_as_nothing() -> None:
    registry = CollectorRegistry()
    Distribution("seconds", "Of something.", buckets=BOUNDS, registry=registry)
    assert b'seconds_bucket{le="+Inf"} 0.0' in generate_latest(registry)
