"""What a program may use, and what becomes of one that wants more."""

import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.jobs.targets import Limits
from scheduler.runtimes.process import ProcessRuntime
from scheduler.runtimes.runtime import Ending, Exit
from tests.integration.scheduler.runtimes.attempts import NOBODY, PYTHON, Attempts, alive, asleep, nap
from tests.waiting import wait_until

# Bounded by itself: at most so many, whatever holds or does not.
_BOMB = """
import os, time
for _ in range(9):
    try:
        os.fork()
    except OSError:
        break
{word!r}
time.sleep(600)
"""


async def test_one_that_holds_more_memory_than_it_may_is_out_of_memory(attempts: Attempts) -> None:
    hog = "x = b'x' * 200 * 1024 * 1024; import time; time.sleep(600)"
    ended = await attempts.carry_out(attempts.order(PYTHON, "-c", hog, limits=Limits(memory_mb=64)))
    assert ended.how is Ending.OUT_OF_MEMORY
    assert ended.message == "It held more memory than its 64 MiB."


async def test_the_memory_of_all_its_processes_counts(attempts: Attempts) -> None:
    hog = "import os, time; os.fork(); os.fork(); x = b'x' * 40 * 1024 * 1024; time.sleep(600)"
    ended = await attempts.carry_out(attempts.order(PYTHON, "-c", hog, limits=Limits(memory_mb=128)))
    assert ended.how is Ending.OUT_OF_MEMORY


async def test_memory_that_forks_share_counts_once(attempts: Attempts) -> None:
    sharing = "import os, time; x = b'x' * 60 * 1024 * 1024\nfor _ in range(2): os.fork()\ntime.sleep(0.5)"
    ended = await attempts.carry_out(attempts.order(PYTHON, "-c", sharing, limits=Limits(memory_mb=150)))
    assert ended == Exit(how=Ending.EXITED, code=0)


async def test_memory_far_beyond_the_limit_is_never_given(attempts: Attempts) -> None:
    hog = "x = bytearray(8 * 1024 ** 3)"
    ended = await attempts.carry_out(attempts.order(PYTHON, "-c", hog, limits=Limits(memory_mb=64)))
    assert ended == Exit(how=Ending.EXITED, code=1)


async def test_a_fork_bomb_is_ended_with_all_it_became(attempts: Attempts) -> None:
    word = nap()
    ended = await attempts.carry_out(
        attempts.order(PYTHON, "-c", _BOMB.format(word=word), limits=Limits(pids=16))
    )
    assert ended == Exit(how=Ending.SIGNALLED, code=137, message="It had more processes at once than its 16.")
    assert not alive(word)


@pytest.mark.parametrize("limits", [Limits(), Limits(memory_mb=256, pids=64)])
async def test_limits_that_are_kept_change_nothing(attempts: Attempts, limits: Limits) -> None:
    ended = await attempts.carry_out(attempts.order("sh", "-c", "sleep 0.25; exit 4", limits=limits))
    assert ended == Exit(how=Ending.EXITED, code=4)


async def test_a_file_that_grows_without_end_ends_its_program(attempts: Attempts) -> None:
    endless = "exec head -c 100000000 /dev/zero > $NOONMARK_OUTPUT_DIR/endless"
    order = attempts.order("sh", "-c", endless)
    ended = await attempts.carry_out(order)
    assert ended == Exit(how=Ending.SIGNALLED, code=153, message="A file grew larger than files may.")
    assert (order.folder / "out" / "endless").stat().st_size == 64 * 1024 * 1024


async def test_no_core_is_dumped_and_privileges_cannot_be_gained(attempts: Attempts) -> None:
    await attempts.carry_out(attempts.order("sh", "-c", "ulimit -c; grep NoNewPrivs /proc/self/status; nice"))
    assert attempts.output.text.split() == ["0", "NoNewPrivs:", "1", str(os.nice(0) + 5)]


@pytest.fixture
async def of_nobody() -> AsyncIterator[Attempts]:
    """A runtime whose programs run as nobody, in a folder that anyone may pass through."""
    with tempfile.TemporaryDirectory(prefix="noonmark-tests-") as top:
        os.chmod(top, 0o711)
        started = Attempts(Path(top) / "attempts", user=NOBODY if os.geteuid() == 0 else None)
        yield started
        await started.close()


async def test_a_program_runs_as_its_user_and_in_no_group_of_ours(of_nobody: Attempts) -> None:
    """As root; everybody else is their own user, and that is all they can be."""
    order = of_nobody.order("sh", "-c", "id -u; id -g; id -G; touch here out/there; cat params.json")
    ended = await of_nobody.carry_out(order)
    assert ended == Exit(how=Ending.EXITED, code=0)
    uid, gid = NOBODY if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    assert of_nobody.output.text.split()[:2] == [str(uid), str(gid)]
    assert (os.geteuid() != 0) or of_nobody.output.text.split()[2:] == [str(gid), "null"]


async def test_a_program_of_another_user_is_ended_with_all_it_started(of_nobody: Attempts) -> None:
    seconds = nap()
    stray = f"setsid sleep {seconds} & env -i setsid sleep {seconds} & trap '' TERM; sleep {seconds}"
    work = await of_nobody.begin(of_nobody.order("sh", "-c", stray, grace_seconds=0.1))
    await wait_until(lambda: len(asleep(seconds)) == 3, within=10, what="all of it runs")
    await work.stop()
    assert not asleep(seconds)


async def test_a_working_directory_closed_to_its_user_is_closed_to_a_program(of_nobody: Attempts) -> None:
    closed = of_nobody.root.parent / "closed" / "inner"
    closed.mkdir(parents=True)
    closed.parent.chmod(0)
    ended = await of_nobody.carry_out(of_nobody.order("true", working_directory=str(closed)))
    closed.parent.chmod(0o700)
    assert ended.how is Ending.NOT_STARTED
    assert ended.message.endswith("cannot be entered: Permission denied.")


async def test_a_user_who_cannot_be_had_is_said_in_a_sentence(tmp_path: Path) -> None:
    """For root no user is out of reach, but a folder can be out of theirs."""
    root = tmp_path / "closed" / "attempts"
    attempts = Attempts(root)
    order = attempts.order("true")
    root.parent.chmod(0o700)
    runtime = ProcessRuntime(root, user=NOBODY)
    ended = await runtime.start(order, attempts.output)
    assert isinstance(ended, Exit)
    assert ended.how is Ending.NOT_STARTED
    assert str(root) not in ended.message
    await runtime.close()
    await attempts.close()
