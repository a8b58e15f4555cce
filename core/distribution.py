"""A histogram for what is observed of every attempt.

The client library's own takes two locks and walks its bounds for each value, which costs as much as reading
an answer. This one is counted by one thread, and read by it: a bisection and two additions. An exemplar, the
trace of a value, is kept for each bucket, and only by who has a trace.
"""

import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import HistogramMetricFamily
from prometheus_client.samples import Exemplar


class Distribution:
    """How often a value was at most each of the ascending bounds; registered once it is made."""

    def __init__(
        self, name: str, documentation: str, *, buckets: Sequence[float], registry: CollectorRegistry
    ) -> None:
        self._name = name
        self._documentation = documentation
        self._bounds = tuple(buckets)
        self._counts = [0] * (len(self._bounds) + 1)
        # The library takes None for no exemplar, and does not say so.
        self._exemplars: list[Any] = [None] * len(self._counts)
        self._sum = 0.0
        registry.register(self)

    def observe(self, value: float) -> None:
        """Count one value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def observe_all(self, values: Sequence[float]) -> None:
        """Count many; half as dear for each."""
        counts, bounds = self._counts, self._bounds
        for value in values:
            counts[bisect_left(bounds, value)] += 1
        self._sum += sum(values)

    def exemplify(self, value: float, trace_id: str) -> None:
        """Name a value's trace; the value itself is observed besides."""
        exemplar = Exemplar({"trace_id": trace_id}, value, time.time())
        self._exemplars[bisect_left(self._bounds, value)] = exemplar

    def describe(self) -> Iterator[HistogramMetricFamily]:
        """The family without its samples."""
        yield HistogramMetricFamily(self._name, self._documentation)

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """The family as the exposition shows it, its buckets cumulative."""
        bounds = [*map(str, map(float, self._bounds)), "+Inf"]
        counts = map(float, accumulate(self._counts))
        family = HistogramMetricFamily(self._name, self._documentation)
        family.add_metric([], list(zip(bounds, counts, self._exemplars, strict=True)), self._sum)
        yield family
