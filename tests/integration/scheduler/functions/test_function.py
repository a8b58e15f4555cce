"""What a function is given, and what comes back."""

import asyncio
import os
from pathlib import Path

import pytest
import uvloop
from msgspec.structs import replace

from scheduler.runtimes.events import HappeningKind
from scheduler.runtimes.function import BUILT_IN, FunctionsRefused
from scheduler.runtimes.function_work import MOST_HAPPENINGS
from scheduler.runtimes.runtime import Ending, Exit
from tests.integration.scheduler.functions.rig import MODULE, Done, Rig, Sink

_PACKAGE = MODULE.rpartition(".")[0]
_SUCCESS = Exit(how=Ending.EXITED, code=0)


async def test_a_result_lies_in_the_output_folder(rig: Rig) -> None:
    done = await rig.carry_out("told@1", {"deep": ["ü", 1.5, None]})
    assert done.exit == _SUCCESS
    assert done.result["params"] == {"deep": ["ü", 1.5, None]}


async def test_hooks_and_events_are_heard_in_the_order_in_which_they_were(rig: Rig) -> None:
    done = await rig.carry_out("told@1", attempt=2, environment={"NOONMARK_MAX_ATTEMPTS": "5"})
    names = [(each.kind, each.name) for each in done.happenings]
    assert names == [
        (HappeningKind.HOOK, "on_start"),
        (HappeningKind.CUSTOM, "seen"),
        (HappeningKind.HOOK, "on_success"),
        (HappeningKind.HOOK, "on_end"),
    ]
    seen = done.happenings[1]
    assert seen.data["attempt"] == 2 and seen.data["of"] == 5


async def test_an_async_function_works_as_well(rig: Rig) -> None:
    done = await rig.carry_out("awaited@1")
    assert (done.exit, done.result, done.stdout) == (_SUCCESS, "awaited", "waiting\non_end succeeded\n")


async def test_nothing_of_our_environment_reaches_a_function(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CANARY", "sings")
    done = await rig.carry_out("told@1", environment={"MINE": "1"})
    given = done.result["environment"]
    assert "CANARY" not in given
    assert "CANARY" not in done.result["first"]
    assert given.keys() == {"PATH", "HOME", "TMPDIR", "NOONMARK_OUTPUT_DIR", "MINE"}
    assert Path(given["NOONMARK_OUTPUT_DIR"]).parent == Path(done.result["cwd"])


async def test_no_descriptor_of_ours_reaches_a_program_of_a_function(rig: Rig) -> None:
    neighbour = await rig.start("cooperative@1", grace_seconds=600)
    done = await rig.carry_out("inherited@1")
    # Its standard streams, and the folder that it is listing.
    assert sorted(done.result) == ["0", "1", "2", "3"]
    await neighbour.work.stop()


async def test_a_working_directory_that_is_not_there_starts_nothing(rig: Rig) -> None:
    done = await rig.carry_out("told@1", working_directory="/no/such/folder")
    assert done.exit == Exit(how=Ending.NOT_STARTED, message="its working directory is not there")


async def test_a_process_is_used_once(rig: Rig) -> None:
    assert [(await rig.carry_out("counts@1")).result for _ in range(3)] == [1, 1, 1]
    assert "LEFT" not in (await rig.carry_out("told@1")).result["environment"]


async def test_what_is_printed_without_an_end_of_line_arrives(rig: Rig) -> None:
    done = await rig.carry_out("loud@1", 300_000)
    assert done.stdout == "x" * 300_000


async def test_of_very_many_events_some_are_counted_only(rig: Rig) -> None:
    done = await rig.carry_out("chatty@1", MOST_HAPPENINGS + 50)
    assert len(done.happenings) == MOST_HAPPENINGS + 1
    assert done.happenings[-1].kind is HappeningKind.DROPPED
    assert done.happenings[-1].data == {"count": 50}


async def test_a_busy_function_does_not_hold_up_the_loop(rig: Rig) -> None:
    await rig.runtime.catalogue()
    works = [await rig.start("busy@1", 1.0) for _ in range(2)]
    latest, loop = 0.0, asyncio.get_running_loop()
    ending = asyncio.gather(*(each.done() for each in works))
    while not ending.done():
        before = loop.time()
        await asyncio.sleep(0.01)
        latest = max(latest, loop.time() - before)
    assert all(done.exit == _SUCCESS for done in await ending)
    # Half of what each of them keeps a CPU busy for: other processes may use it too, our loop may not.
    assert latest < 0.5


async def test_many_go_on_at_once_and_no_more_than_were_allowed(tmp_path: Path) -> None:
    rig = Rig(tmp_path, processes=2)
    on = [await rig.start("cooperative@1") for _ in range(2)]
    waiting = asyncio.create_task(rig.start("told@1"))
    await on[0].printed("waiting")
    assert not waiting.done()
    await on[0].work.stop()
    assert (await (await waiting).done()).exit == _SUCCESS
    await rig.runtime.close()


async def test_whoever_gives_up_its_turn_starts_nothing(tmp_path: Path) -> None:
    rig = Rig(tmp_path, processes=1)
    first = await rig.start("cooperative@1")
    given_up = asyncio.create_task(rig.start("told@1"))
    await first.printed("waiting")
    given_up.cancel()
    await first.work.stop()
    assert (await rig.carry_out("told@1")).exit == _SUCCESS
    assert len(rig.told.of) == 2
    await rig.runtime.close()


async def test_the_built_in_functions_are_in_the_catalogue(tmp_path: Path) -> None:
    rig = Rig(tmp_path, modules=BUILT_IN)
    catalogue = {each.name: each for each in await rig.runtime.catalogue()}
    assert catalogue.keys() == {
        *("echo@1", "failing@1", "call.api@1", "compute.math@1", "encode.video@1"),
        *("process.data@1", "process.batch@1"),
    }
    encoding = catalogue["encode.video@1"]
    assert (encoding.timeout_seconds, encoding.max_attempts, encoding.concurrency) == (7200, 2, 3)
    failing = catalogue["failing@1"]
    assert (failing.max_attempts, failing.timeout_seconds, failing.concurrency) == (3, 30.0, None)
    assert all(each.schema and each.description for each in catalogue.values())
    await rig.runtime.close()


async def test_the_built_in_functions_do_what_they_say(tmp_path: Path) -> None:
    rig = Rig(tmp_path, modules=BUILT_IN)
    assert (await rig.carry_out("echo@1", {"message": "hello"})).result == {"message": "hello"}
    fibonacci = await rig.carry_out("compute.math@1", {"operation": "fibonacci", "n": 20})
    assert fibonacci.result["result"] == 6765
    prime = await rig.carry_out("compute.math@1", {"operation": "prime", "n": 97})
    assert prime.result["result"] is True
    batch = await rig.carry_out("process.batch@1", {"items": 12, "batch_size": 5})
    assert [(each.done, each.total) for each in batch.happenings] == [(5, 12), (10, 12), (12, 12)]
    assert (await rig.carry_out("failing@1")).exit.code == 1
    await rig.runtime.close()


@pytest.mark.parametrize("command", [(), ("told@2",), ("told",), ("told@1", "more")], ids=str)
async def test_what_is_not_registered_is_not_started(rig: Rig, command: tuple[str, ...]) -> None:
    order = rig.order("told@1")
    end = await rig.runtime.start(replace(order, command=command), Sink())
    assert isinstance(end, Exit)
    assert end.how is Ending.NOT_STARTED


@pytest.mark.parametrize(
    ("modules", "words"),
    [
        (
            [f"{_PACKAGE}.refused"],
            r"cannot import .*\.refused: ModuleNotFoundError: .*package_that_is_not_installed",
        ),
        (["no.such.module"], "cannot import no.such.module: ModuleNotFoundError"),
        (
            [MODULE, f"{_PACKAGE}.twice"],
            r"DuplicateFunction: told@1 is registered twice, at .*module.py:\d+ and",
        ),
        ([f"{_PACKAGE}.threaded"], r"threads were started by importing \(collector\)"),
    ],
    ids=["broken", "missing", "twice", "threads"],
)
async def test_modules_that_cannot_be_served_are_refused_at_start(
    tmp_path: Path, modules: list[str], words: str
) -> None:
    with pytest.raises(FunctionsRefused, match=words):
        await Rig(tmp_path, modules=modules).runtime.catalogue()


def test_it_works_on_the_loop_that_schedulers_use(tmp_path: Path) -> None:
    async def carried_out() -> Done:
        rig = Rig(tmp_path)
        done = await rig.carry_out("told@1", "uv")
        stopped = await rig.start("cooperative@1")
        await stopped.printed("waiting")
        await stopped.work.stop()
        await rig.runtime.close()
        return done

    done = uvloop.run(carried_out())
    assert done.result["params"] == "uv"
    assert done.result["pid"] != os.getpid()
