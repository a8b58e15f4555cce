"""The pulse: proof that the event loop turns."""

from scheduler.heartbeat import Pulse
from tests.unit.scheduler.fakes import FakeClock


async def test_a_pulse_ages_until_the_loop_turns_again() -> None:
    clock = FakeClock()
    pulse = Pulse(now=clock)
    clock.now += 7
    assert pulse.age() == 7
    await pulse.once()
    assert pulse.age() == 0
