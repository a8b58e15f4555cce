"""A container is ended when it is told to, and gone when its end is told; also when nobody waits."""

import asyncio
import time

import pytest

from scheduler.runtimes.runtime import Ending, Exit
from tests.integration.scheduler.runtimes.docker.rig import Rig
from tests.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.heavy]


async def test_what_does_not_handle_term_ends_at_once(rig: Rig) -> None:
    work = await rig.begin(rig.order("sh", "-c", "echo ready; exec sleep 60", grace_seconds=30))
    await rig.until_printed("ready")
    began = time.monotonic()
    await work.stop()
    assert await work.wait() == Exit(how=Ending.STOPPED, code=143)
    assert time.monotonic() - began < 10
    assert rig.daemon.containers() == []


async def test_what_handles_term_may_tidy_up(rig: Rig) -> None:
    script = "trap 'echo tidied; exit 5' TERM; echo ready; while true; do sleep 0.1; done"
    work = await rig.begin(rig.order("sh", "-c", script, grace_seconds=30))
    await rig.until_printed("ready")
    await work.stop()
    assert await work.wait() == Exit(how=Ending.STOPPED, code=5)
    assert rig.printed.out == "ready\ntidied\n"


async def test_what_ignores_term_is_killed_after_the_grace_with_all_it_started(rig: Rig) -> None:
    script = "trap '' TERM; sleep 500 & echo ready; while true; do sleep 0.1; done"
    work = await rig.begin(rig.order("sh", "-c", script, grace_seconds=1))
    await rig.until_printed("ready")
    began = time.monotonic()
    await work.stop()
    assert await work.wait() == Exit(how=Ending.STOPPED, code=137)
    assert 1 <= time.monotonic() - began < 10
    assert rig.daemon.containers() == []


async def test_what_outlives_the_command_in_the_background_ends_with_it(rig: Rig) -> None:
    began = time.monotonic()
    assert await rig.shell("sleep 500 & echo started") == Exit(how=Ending.EXITED, code=0)
    assert time.monotonic() - began < 10
    assert rig.printed.out == "started\n"


async def test_closing_its_outputs_is_not_an_end(rig: Rig) -> None:
    assert await rig.shell("exec >&- 2>&-; sleep 1; exit 4") == Exit(how=Ending.EXITED, code=4)


async def test_to_stop_what_is_over_changes_nothing(rig: Rig) -> None:
    work = await rig.begin(rig.order("true"))
    end = await work.wait()
    await work.stop()
    assert await work.wait() == end == Exit(how=Ending.EXITED, code=0)


async def test_whoever_stops_waiting_stops_nothing(rig: Rig) -> None:
    work = await rig.begin(rig.order("sh", "-c", "sleep 1; exit 6"))
    waiting = asyncio.create_task(work.wait())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await work.wait() == Exit(how=Ending.EXITED, code=6)


@pytest.mark.parametrize("rounds", range(3))
async def test_nothing_is_left_of_a_start_that_was_given_up(rig: Rig, rounds: int) -> None:
    starting = asyncio.create_task(rig.runtime.start(rig.order("sleep", "60"), rig.printed))
    await wait_until(rig.daemon.containers, within=20, what="the container is made")
    starting.cancel()
    try:
        work = await starting
    except asyncio.CancelledError:
        return
    assert not isinstance(work, Exit)
    await work.stop()
    await work.wait()


async def test_more_run_beside_each_other_than_a_client_has_connections(rig: Rig) -> None:
    """Each holds two, and a client has a hundred unless told otherwise."""
    works = [await rig.begin(rig.order("sleep", "300", grace_seconds=0)) for _ in range(51)]
    await asyncio.gather(*(work.stop() for work in works))
    ends = await asyncio.gather(*(work.wait() for work in works))
    assert {end.how for end in ends} == {Ending.STOPPED}
