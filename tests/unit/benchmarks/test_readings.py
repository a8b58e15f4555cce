"""What lies between two readings."""

import pytest

from benchmarks import idle, readings
from benchmarks.readings import Reading

_FIRST = Reading(at=100.0, jobs=1000, cpu=1.0, postgres=2.0, statements=50.0, buffers=1000.0, wal=10_000.0)
_LAST = Reading(at=102.0, jobs=3000, cpu=1.1, postgres=2.2, statements=90.0, buffers=5000.0, wal=30_000.0)


def test_costs_are_for_one_job() -> None:
    cost = readings.between(_FIRST, _LAST)
    assert cost.jobs_per_s == 1000
    assert cost.cpu_us_per_job == pytest.approx(50)
    assert cost.pg_cpu_us_per_job == pytest.approx(100)
    assert (cost.statements_per_job, cost.buffers_per_job, cost.wal_bytes_per_job) == (0.02, 2, 10)


def test_idling_is_by_the_second_and_without_our_own_statement() -> None:
    found = idle.per_second(_FIRST, _LAST)
    assert found["statements_per_s"] == 19.5
    assert found["cpu_percent"] == pytest.approx(5)
