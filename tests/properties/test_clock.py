"""However samples travel and however the local clock drifts, no job fires early."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import DatabaseClock

transits = st.floats(min_value=0.0, max_value=30.0)
waits = st.floats(min_value=0.0, max_value=20_000.0)
drifts = st.floats(min_value=-2e-4, max_value=2e-4)


@pytest.mark.promise(6)
@given(st.lists(st.tuples(waits, transits), min_size=1, max_size=40), drifts)
def test_the_estimate_is_never_ahead_by_more_than_seconds_of_drift(
    samples: list[tuple[float, float]], drift: float
) -> None:
    """The local clock is off by up to 200 ppm, ten times what clocks are; 10 s of it are 2 ms."""
    true = 1_000_000.0
    clock = DatabaseClock(lambda: true * (1 + drift))
    for wait, transit in samples:
        true += wait + transit
        clock.observe(true - transit)
        assert clock.now() <= true + 10.0 * 2e-4 + 1e-6
