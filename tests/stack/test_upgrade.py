"""A rolling upgrade of the whole stack while people use it: old and new processes side by side."""

import asyncio
import sys
import time

import pytest

from tests.integration.scheduler.runtimes.docker.daemon import Daemon
from tests.stack import making
from tests.stack.load import Load
from tests.stack.rig import Stack, User

pytestmark = [pytest.mark.heavy, pytest.mark.images, pytest.mark.timeout(600)]

_PEOPLE = 4
OURS = ("server", "scheduler", "reaper")


def versions(stack: Stack) -> set[str]:
    return {
        stack.inspected(each)["Config"]["Image"].rpartition(":")[2]
        for service in OURS
        for each in stack.containers(service)
    }


async def upgrade(stack: Stack) -> float:
    """Seconds that it took."""
    began = time.monotonic()
    given = {**stack.environment, "NOONMARK_VERSION": making.NEW}
    await asyncio.to_thread(making.run, "infra/compose/upgrade", given=given, within=400)
    return time.monotonic() - began


async def test_an_upgrade_fails_no_request_and_loses_and_repeats_no_delivery(
    images: Daemon, stack: Stack, user: User, hook: str, capsys: pytest.CaptureFixture[str]
) -> None:
    making.make_ours(images, making.NEW, canaries={})
    assert versions(stack) == {making.OLD}
    counts = {service: len(stack.containers(service)) for service in OURS}
    async with Load(stack.url, user.headers, f"http://{hook}:9000/upgrade") as load:
        async with load.running(_PEOPLE):
            seconds = await upgrade(stack)
        with capsys.disabled():
            sys.stdout.write(
                f"\nupgraded in {seconds:.0f} s: {dict(load.answers)}, {len(load.failures)} failed"
            )
        assert load.failures == []
        assert len(load.jobs) > 100
        await load.until_over()
    assert versions(stack) == {making.NEW}
    assert {service: len(stack.containers(service)) for service in OURS} == counts
    arrived = [line for line in stack.logs(hook).splitlines() if " /upgrade " in line]
    assert sorted(line.split()[3] for line in arrived) == sorted(load.jobs)
    assert all(" attempt=1 verified" in line for line in arrived)
