"""The end of a program: asked, forced, and of all that it had started."""

import asyncio
import os
import signal
import time

import pytest

from core.jobs.targets import Limits
from scheduler.runtimes.runtime import Ending, Exit
from tests.integration.scheduler.runtimes.attempts import PYTHON, Attempts, alive, asleep, below, nap, parent
from tests.waiting import wait_until

_DAEMON = (
    "import os, sys, time; os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0); os.chdir('/');"
)


async def test_a_program_that_listens_to_term_has_its_grace(attempts: Attempts) -> None:
    script = "trap 'echo bye; exit 7' TERM; echo up; while :; do read -t 0.02 < <(:) || :; sleep 0.02; done"
    work = await attempts.begin(attempts.order("bash", "-c", script))
    await wait_until(lambda: attempts.output.text == "up\n", within=10, what="the trap is set")
    await work.stop()
    assert await work.wait() == Exit(how=Ending.STOPPED, code=7)
    assert attempts.output.text == "up\nbye\n"


async def test_a_program_that_ignores_term_is_killed_after_its_grace(attempts: Attempts) -> None:
    seconds = nap()
    script = f"trap '' TERM; echo up; sleep {seconds}"
    work = await attempts.begin(attempts.order("sh", "-c", script, grace_seconds=0.3))
    await wait_until(lambda: asleep(seconds), within=10, what="it sleeps")
    began = time.monotonic()
    await work.stop()
    assert 0.3 <= time.monotonic() - began < 3
    assert await work.wait() == Exit(how=Ending.STOPPED, code=137)
    assert not alive(seconds)


async def test_stopping_is_heard_by_a_program_that_was_suspended(attempts: Attempts) -> None:
    work = await attempts.begin(attempts.order("sh", "-c", "kill -STOP $$; sleep 600"))
    await work.stop()
    assert (await work.wait()).how is Ending.STOPPED


async def test_stopping_again_changes_nothing(attempts: Attempts) -> None:
    work = await attempts.begin(attempts.order("sleep", nap()))
    await asyncio.gather(work.stop(), work.stop())
    await work.stop()
    assert await work.wait() == Exit(how=Ending.STOPPED, code=143)


async def test_giving_up_waiting_stops_nothing(attempts: Attempts) -> None:
    work = await attempts.begin(attempts.order("sleep", nap()))
    waiting = asyncio.create_task(work.wait())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await work.stop()
    assert (await work.wait()).how is Ending.STOPPED


@pytest.mark.parametrize("code", [0, 1])
@pytest.mark.parametrize(
    "start",
    [
        "sleep {seconds} &",
        "setsid sleep {seconds} &",
        "(sleep {seconds} &) ; nohup sleep {seconds} >/dev/null 2>&1 &",
        "env -i setsid sh -c 'cd /; trap \"\" TERM HUP; sleep {seconds} & wait' &",
    ],
)
async def test_nothing_that_a_program_started_is_alive_after_it(
    attempts: Attempts, start: str, code: int
) -> None:
    seconds = nap()
    ended = await attempts.carry_out(
        attempts.order("sh", "-c", f"{start.format(seconds=seconds)} exit {code}")
    )
    assert ended == Exit(how=Ending.EXITED, code=code)
    assert not alive(seconds)


async def test_a_daemon_that_has_left_its_parents_is_ended_with_its_program(attempts: Attempts) -> None:
    seconds = nap()
    daemon = f"{_DAEMON} time.sleep({seconds})"
    work = await attempts.begin(attempts.order("sh", "-c", f'env -i {PYTHON} -c "{daemon}"; sleep {nap()}'))
    await wait_until(
        lambda: [pid for pid in alive(seconds) if os.getsid(pid) != pid], within=10, what="the daemon runs"
    )
    await work.stop()
    assert not alive(seconds)


async def test_a_program_that_kills_its_supervisor_takes_nothing_with_it(attempts: Attempts) -> None:
    seconds = nap()
    ended = await attempts.carry_out(
        attempts.order(
            "sh", "-c", f"env -i setsid sleep {seconds} & setsid sleep {seconds} & kill -9 $PPID; wait"
        )
    )
    assert ended.how is Ending.SIGNALLED
    assert "watched over it" in ended.message
    assert not alive(seconds)


async def test_the_death_of_one_supervisor_leaves_other_attempts_alone(attempts: Attempts) -> None:
    seconds = nap()
    other = await attempts.begin(attempts.order("sleep", seconds))
    await attempts.carry_out(attempts.order("sh", "-c", "setsid sleep 600 & kill -9 $PPID; wait"))
    assert len(asleep(seconds)) == 1
    await other.stop()


async def test_a_program_outlives_its_launcher_and_is_still_watched(attempts: Attempts) -> None:
    seconds = nap()
    work = await attempts.begin(
        attempts.order("sh", "-c", f"setsid sleep {seconds} & wait", grace_seconds=0.2)
    )
    launcher = attempts.runtime._link._launcher
    assert launcher is not None
    launcher.kill()
    await launcher.wait()
    await wait_until(lambda: asleep(seconds), within=10, what="it sleeps")
    await work.stop()
    assert not alive(seconds)


async def test_what_kills_supervisor_and_launcher_is_found_by_its_marks(attempts: Attempts) -> None:
    seconds = nap()
    both = "kill -9 $(awk '{print $4}' /proc/$PPID/stat) $PPID"
    ended = await attempts.carry_out(attempts.order("sh", "-c", f"setsid sleep {seconds} & {both}; wait"))
    assert ended.how is Ending.SIGNALLED
    assert not alive(seconds)


async def test_no_supervisor_is_left_when_an_attempt_is_over(attempts: Attempts) -> None:
    await attempts.carry_out(attempts.order("true"))
    launcher = attempts.runtime._link._launcher
    assert launcher is not None
    assert not below(launcher.pid)
    assert parent(launcher.pid) == os.getpid()


async def test_a_runtime_takes_what_still_runs_with_it(attempts: Attempts) -> None:
    seconds = nap()
    work = await attempts.begin(attempts.order("sh", "-c", f"trap '' TERM; setsid sleep {seconds} & wait"))
    await attempts.runtime.close()
    assert not alive(seconds)
    assert (await work.wait()).how is Ending.SIGNALLED


async def test_a_launcher_goes_with_its_runtime(attempts: Attempts) -> None:
    await attempts.carry_out(attempts.order("true"))
    launcher = attempts.runtime._link._launcher
    assert launcher is not None
    await attempts.runtime.close()
    assert launcher.returncode == 0


async def test_no_descriptor_is_left_open_by_an_attempt(attempts: Attempts) -> None:
    await attempts.carry_out(attempts.order("true"))
    before = len(os.listdir("/proc/self/fd"))
    orders = [attempts.order("true"), attempts.order("no-such-program")]
    made = len(orders)
    for order in orders:
        await attempts.carry_out(order)
    # Each folder keeps its lock.
    assert len(os.listdir("/proc/self/fd")) == before + made


async def test_a_signal_to_all_of_a_terminal_does_not_reach_what_watches(attempts: Attempts) -> None:
    await attempts.carry_out(attempts.order("true"))
    launcher = attempts.runtime._link._launcher
    assert launcher is not None
    os.kill(launcher.pid, signal.SIGTERM)
    os.kill(launcher.pid, signal.SIGINT)
    assert os.getsid(launcher.pid) == launcher.pid
    assert await attempts.carry_out(attempts.order("true")) == Exit(how=Ending.EXITED, code=0)
    assert attempts.runtime._link._launcher is launcher


async def test_children_that_multiply_are_ended_too(attempts: Attempts) -> None:
    seconds = nap()
    many = f"import os, time\nfor _ in range(5): os.fork()\n'{seconds}'; time.sleep(600)"
    work = await attempts.begin(attempts.order(PYTHON, "-c", many, grace_seconds=0.0, limits=Limits(pids=64)))
    await wait_until(lambda: len(alive(seconds)) == 32, within=10, what="all are there")
    await work.stop()
    assert not alive(seconds)
