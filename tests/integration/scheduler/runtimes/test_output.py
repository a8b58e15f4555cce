"""What programs print: much, long, binary, and never in their way."""

import asyncio
import os
import resource
import time

import pytest

from core.logs.model import Stream
from scheduler.runtimes.capture import Pump, Throttle
from scheduler.runtimes.runtime import Exit
from tests.integration.scheduler.runtimes.attempts import PYTHON, Attempts, Recorded

_MIB = 1024 * 1024


async def test_ten_megabytes_of_errors_alone_do_not_block(attempts: Attempts) -> None:
    await attempts.carry_out(attempts.order("sh", "-c", "head -c 10000000 /dev/zero >&2"))
    assert attempts.output.size == {Stream.STDOUT: 0, Stream.STDERR: 10_000_000}


async def test_one_line_of_a_megabyte_is_whole(attempts: Attempts) -> None:
    await attempts.carry_out(attempts.order(PYTHON, "-c", "print('x' * 1_000_000)"))
    assert attempts.output.text == "x" * 1_000_000 + "\n"


async def test_any_bytes_come_as_they_are(attempts: Attempts) -> None:
    everything = "import sys; sys.stdout.buffer.write(bytes(range(256)) * 100)"
    await attempts.carry_out(attempts.order(PYTHON, "-c", everything))
    assert bytes(attempts.output.kept[Stream.STDOUT]) == bytes(range(256)) * 100


async def test_a_hundred_megabytes_take_seconds_and_no_memory(attempts: Attempts) -> None:
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    await attempts.carry_out(attempts.order("head", "-c", "100000000", "/dev/zero"))
    assert attempts.output.size[Stream.STDOUT] == 100_000_000
    assert time.monotonic() - began < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024


async def test_the_last_words_of_a_program_are_not_lost(attempts: Attempts) -> None:
    for _ in range(20):
        attempts.output = Recorded()
        await attempts.carry_out(attempts.order("sh", "-c", "echo last; kill -9 $$"))
        assert attempts.output.text == "last\n"


async def test_a_program_that_closes_its_output_goes_on(attempts: Attempts) -> None:
    closing = "exec >&- 2>&-; echo done > $NOONMARK_OUTPUT_DIR/end"
    order = attempts.order("sh", "-c", closing)
    assert isinstance(await attempts.carry_out(order), Exit)
    assert (order.folder / "out" / "end").read_text() == "done\n"


def test_a_flood_waits_its_turn_and_a_trickle_never() -> None:
    throttle = Throttle(100.0, lambda: 50.0)
    assert throttle.take(5) == 0.0
    assert throttle.take(100) == pytest.approx(1.0)


async def test_a_stranger_with_the_pipe_in_hand_does_not_hold_us_up() -> None:
    reading, writing = os.pipe()
    recorded = Recorded()
    pump = Pump(reading, Stream.STDOUT, recorded, Throttle(_MIB, asyncio.get_running_loop().time))
    os.write(writing, b"so far")
    await pump.finish(within=0.05)
    os.close(writing)
    assert recorded.text == "so far"
