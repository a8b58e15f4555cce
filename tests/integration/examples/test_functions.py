"""The example's functions, called alone and as a scheduler would have them carried out."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scheduler.runtimes.runtime import Ending
from tests.integration.scheduler.functions.rig import Rig

ROOT = Path(__file__).parents[3]


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path, modules=["examples.functions"])
    yield rig
    await rig.runtime.close()


async def test_the_example_shows_what_a_function_returns() -> None:
    example = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "examples.functions"), cwd=ROOT, stdout=subprocess.PIPE
    )
    shown, _ = await example.communicate()
    assert shown == b"{'cents': 2490}\n"


async def test_an_invoice_is_added_up_or_given_up(rig: Rig) -> None:
    assert (await rig.carry_out("invoices.total@1", {"cents": [1990, 500]})).result == {"cents": 2490}
    refused = await rig.carry_out("invoices.total@1", {"cents": [-1]})
    assert (refused.exit.code, refused.exit.message) == (65, "an invoice has no negative lines")


async def test_a_feed_tells_how_far_it_is_and_leaves_a_file(rig: Rig) -> None:
    started = await rig.start("feeds.import@1", {"entries": ["a", "b"]})
    done = await started.done()
    assert done.result == {"imported": 2}
    assert [(each.done, each.total) for each in done.happenings if each.total] == [(1, 2), (2, 2)]
    assert (started.order.folder / "out" / "imported.txt").read_text() == "a\nb"
    assert done.stdout.endswith('ended how="succeeded"\n')


async def test_a_feed_that_fails_for_good_tells_somebody(rig: Rig) -> None:
    done = await rig.carry_out("feeds.import@1", {}, attempt=3)
    assert done.exit.message == "KeyError: 'entries'"
    assert done.stdout.startswith("the feed was given up attempts=3 error=")


async def test_a_feed_can_be_cancelled(rig: Rig) -> None:
    started = await rig.start(
        "feeds.import@1", {"entries": ["a"] * 1000, "seconds_each": 0.01}, grace_seconds=600
    )
    await started.printed("imported")
    await started.work.stop()
    done = await started.done()
    assert done.exit.how is Ending.STOPPED
    assert done.stdout.endswith('ended how="cancelled"\n')
