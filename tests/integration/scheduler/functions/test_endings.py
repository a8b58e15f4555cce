"""Every way for a function to end, and that nothing of it is left afterwards."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scheduler.runtimes.runtime import Ending, Exit
from tests.integration.scheduler.functions.rig import Rig, alive, hosts, offspring
from tests.waiting import wait_until

_ROOT = Path(__file__).parents[4]
_SUCCESS = Exit(how=Ending.EXITED, code=0)


async def test_an_exception_is_told_and_shown(tmp_path: Path) -> None:
    rig = Rig(tmp_path, modules=["scheduler.functions.basic"])
    done = await rig.carry_out("failing@1", {"message": "no luck"})
    assert done.exit == Exit(how=Ending.EXITED, code=1, message="RuntimeError: no luck")
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert "scheduler/functions/basic.py" in done.stderr
    assert "noonmark/functions/attempt.py" not in done.stderr
    await rig.runtime.close()


async def test_the_last_attempt_is_the_one_that_the_job_says_or_else_the_function(rig: Rig) -> None:
    async def hooks(attempt: int, **environment: str) -> list[str]:
        done = await rig.carry_out("fails@1", attempt=attempt, environment=environment)
        return [each.name for each in done.happenings]

    assert await hooks(1) == ["on_end"]
    assert await hooks(2) == ["on_fail", "on_end"]
    assert await hooks(2, NOONMARK_MAX_ATTEMPTS="3") == ["on_end"]
    assert await hooks(3, NOONMARK_MAX_ATTEMPTS="3") == ["on_fail", "on_end"]


async def test_a_permanent_failure_has_a_code_of_its_own(rig: Rig) -> None:
    done = await rig.carry_out("permanent@1")
    assert done.exit == Exit(how=Ending.EXITED, code=65, message="there is no such account")


async def test_a_function_that_listens_is_stopped_at_once(rig: Rig) -> None:
    started = await rig.start("cooperative@1", grace_seconds=600)
    await started.printed("waiting")
    await started.work.stop()
    done = await started.done()
    assert done.exit == Exit(how=Ending.STOPPED, code=143, message="it was told to stop")
    assert done.stdout == "waiting\non_end cancelled\n"


async def test_an_async_function_is_cancelled_where_it_waits(rig: Rig) -> None:
    started = await rig.start("awaited@1", "for ever", grace_seconds=600)
    await started.printed("waiting")
    await started.work.stop()
    done = await started.done()
    assert done.exit.how is Ending.STOPPED
    assert done.stdout == "waiting\non_end cancelled\n"


async def test_a_stop_that_comes_first_is_obeyed(rig: Rig) -> None:
    started = await rig.start("cooperative@1", grace_seconds=600)
    await started.work.stop()
    assert (await started.done()).exit.how is Ending.STOPPED


async def test_a_function_out_of_time_has_failed(rig: Rig) -> None:
    started = await rig.start("cooperative@1", grace_seconds=600)
    await started.printed("waiting")
    await started.work.stop(timed_out=True)
    done = await started.done()
    assert done.exit.how is Ending.STOPPED
    assert done.stdout == "waiting\nafter TimeoutError failed\non_end failed\n"


async def test_a_function_that_does_not_listen_is_killed_with_all_it_started(rig: Rig) -> None:
    started = await rig.start("deaf@1", grace_seconds=2)
    pids = [int(each) for each in (await started.printed("children")).split()[1:]]
    assert all(alive(pid) for pid in pids)
    await started.work.stop()
    done = await started.done()
    assert done.exit == Exit(how=Ending.STOPPED, code=137, message="it was told to stop")
    assert done.stdout.endswith("\non_end cancelled\n")
    assert not any(alive(pid) for pid in pids)


async def test_what_a_success_leaves_behind_is_gone_as_well(rig: Rig) -> None:
    started = await rig.start("untidy@1")
    done = await started.done()
    pid, file = done.stdout.split()
    assert done.exit == _SUCCESS
    assert not alive(int(pid))
    assert Path(file).is_relative_to(started.order.folder)


@pytest.mark.parametrize(
    ("way", "end"),
    [
        (
            "exit",
            Exit(
                how=Ending.EXITED,
                code=7,
                message="its process ended with exit code 7 before the function returned",
            ),
        ),
        (
            "segfault",
            Exit(
                how=Ending.SIGNALLED,
                code=139,
                message="its process was killed by SIGSEGV before the function returned",
            ),
        ),
    ],
    ids=["exit", "segfault"],
)
async def test_a_crash_harms_nobody_else_and_hooks_are_still_called(rig: Rig, way: str, end: Exit) -> None:
    neighbour = await rig.start("cooperative@1", grace_seconds=600)
    await neighbour.printed("waiting")
    crashed = await rig.carry_out("dies@1", way)
    assert crashed.exit == end
    assert crashed.stdout == "after Crashed failed\non_end failed\n"
    assert not neighbour.work.done
    assert (await rig.carry_out("told@1")).exit == _SUCCESS
    await neighbour.work.stop()


async def test_a_hook_that_crashes_does_not_undo_a_success(rig: Rig) -> None:
    done = await rig.carry_out("dies.at.success@1")
    assert (done.exit, done.result) == (_SUCCESS, "kept")
    assert done.stdout == "on_end succeeded\n"


async def test_memory_has_a_limit(rig: Rig) -> None:
    assert (await rig.carry_out("hungry@1", 10, memory_mb=256)).result == 10 * 1024 * 1024
    done = await rig.carry_out("hungry@1", 400, memory_mb=256)
    assert done.exit.how is Ending.OUT_OF_MEMORY
    assert "MemoryError" in done.stderr
    assert done.stdout == "on_end failed\n"


async def test_a_function_that_kills_its_keeper_does_not_escape(rig: Rig) -> None:
    done = await rig.carry_out("dies@1", "keeper")
    assert done.exit.how is Ending.NODE_LOST
    (host,) = hosts()
    await wait_until(lambda: offspring(host) == [], within=10, what="nothing is left of it")
    assert (await rig.carry_out("told@1")).exit == _SUCCESS


async def test_a_host_that_dies_is_replaced_and_its_attempts_go_on(rig: Rig) -> None:
    started = await rig.start("cooperative@1", grace_seconds=600)
    await started.printed("waiting")
    (host,) = hosts()
    os.kill(host, signal.SIGKILL)
    await wait_until(lambda: not alive(host), within=10, what="the host is dead")
    assert (await rig.carry_out("told@1")).exit == _SUCCESS
    await started.work.stop()
    assert (await started.done()).stdout == "waiting\non_end cancelled\n"


async def test_to_stop_waiting_is_not_to_stop(rig: Rig) -> None:
    started = await rig.start("cooperative@1", grace_seconds=600)
    waiting = asyncio.create_task(started.work.wait())
    await started.printed("waiting")
    waiting.cancel()
    await asyncio.wait([waiting])
    assert not started.work.done
    await started.work.stop()


async def test_to_close_is_to_end_everything(rig: Rig) -> None:
    started = await rig.start("deaf@1")
    pids = [int(each) for each in (await started.printed("children")).split()[1:]]
    await rig.runtime.close()
    assert not any(alive(pid) for pid in pids)


async def test_nothing_outlives_the_scheduler(tmp_path: Path) -> None:
    replica = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.scheduler.functions.replica", str(tmp_path)),
        cwd=_ROOT,
        stdout=subprocess.PIPE,
    )
    assert replica.stdout is not None
    words = (await replica.stdout.readline()).split()[1:]
    pids = [int(each) for each in words] + offspring(replica.pid)
    assert len(pids) == 3
    replica.kill()
    await replica.communicate()
    await wait_until(lambda: not any(alive(pid) for pid in pids), within=10, what="all of them are gone")
