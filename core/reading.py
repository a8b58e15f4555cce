"""A gauge of what a process has to look for: it shows nothing until it looked, and nothing when that is old.

An ordinary gauge says 0 before anybody looked, and its last value for ever afterwards; an alarm on it would
be wrong both ways. What is absent can be alarmed on too.
"""

import time
from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import GaugeMetricFamily

from core.clock import Clock

FRESH_SECONDS = 90.0
"""Several times as long as from one look to the next."""


class Reading:
    """A value, or one for each value of a label; registered once it is made."""

    def __init__(
        self,
        name: str,
        documentation: str,
        *,
        registry: CollectorRegistry,
        label: str | None = None,
        fresh_seconds: float = FRESH_SECONDS,
        now: Clock = time.monotonic,
    ) -> None:
        self._name = name
        self._documentation = documentation
        self._labelnames = (label,) if label is not None else ()
        self._fresh = fresh_seconds
        self._now = now
        self._values: Mapping[str, float] = {}
        self._read_at = 0.0
        registry.register(self)

    def set(self, value: float) -> None:
        """What was seen just now."""
        self.set_all({"": value})

    def set_all(self, values: Mapping[str, float]) -> None:
        """What was seen just now, for each value of the label; the others are gone."""
        self._values = dict(values)
        self._read_at = self._now()

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """The family without its samples."""
        yield GaugeMetricFamily(self._name, self._documentation, labels=self._labelnames)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The family as the exposition shows it."""
        family = GaugeMetricFamily(self._name, self._documentation, labels=self._labelnames)
        if self._now() - self._read_at <= self._fresh:
            for label, value in self._values.items():
                family.add_metric([label] if self._labelnames else [], value)
        yield family
