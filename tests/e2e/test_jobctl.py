"""jobctl against a whole installation: code that is run as if it were here, and how that ends."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.fleet import CALM, Fleet
from tests.e2e.processes import ROOT
from tests.e2e.test_code import ended, printed, read
from tests.e2e.work import Work
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
async def scheduler(fleet: Fleet, tmp_path: Path) -> AsyncIterator[None]:
    offered = {"NOONMARK_RUNTIMES": "process,function", "NOONMARK_DATA_DIR": str(tmp_path)}
    async with fleet.scheduler(settings={**CALM, **offered}):
        yield


async def start(fleet: Fleet, *arguments: str) -> Process:
    token = fleet.session.headers()["Authorization"].removeprefix("Bearer ")
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "noonmark.command", *arguments),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "NOONMARK_URL": fleet.url, "NOONMARK_TOKEN": token},
    )


async def jobctl(fleet: Fleet, *arguments: str) -> tuple[int | None, str, str]:
    """Exit code, standard output, standard error."""
    process = await start(fleet, *arguments)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


def shell(script: str, *options: str) -> tuple[str, ...]:
    return ("run", "--process", "--max-attempts", "1", "--grace", "0.2", *options, "--", "sh", "-c", script)


async def test_a_command_prints_and_exits_as_if_it_were_here(fleet: Fleet, work: Work) -> None:
    """CLI-01, CLI-06."""
    code, out, err = await jobctl(fleet, *shell("echo one; echo two >&2; sleep 0.7; echo three; exit 37"))
    assert (code, out) == (37, "one\nthree\n")
    assert err.splitlines()[1] == "two"
    assert err.splitlines()[-1].endswith(" failed: It exited with 37.")


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 255", 255), ("kill -9 $$", 137), ("exec /no/such", 127)]
)
async def test_its_exit_code_is_ours(fleet: Fleet, work: Work, script: str, code: int) -> None:
    assert (await jobctl(fleet, *shell(script)))[0] == code


async def test_what_has_no_exit_code_of_its_own_has_one_of_ours(fleet: Fleet, work: Work) -> None:
    late, missing = await asyncio.gather(
        jobctl(fleet, *shell("sleep 60", "--timeout", "1")),
        jobctl(fleet, "run", "--process", "--max-attempts", "1", "--", "/no/such/program"),
    )
    assert (late[0], missing[0]) == (124, 125)
    assert "There is no program /no/such/program" in missing[2]


async def test_a_function_is_run_and_a_file_submitted(fleet: Fleet, work: Work, tmp_path: Path) -> None:
    params = '{"operation": "prime", "n": 97}'
    code, out, _ = await jobctl(
        fleet, "run", "--function", "compute.math@1", "--params", params, "-o", "json"
    )
    assert (code, '"state":"succeeded"' in out) == (0, True)
    file = tmp_path / "job.yaml"
    file.write_text("target: {type: container, runtime: process, command: [sh, -c, 'echo file; exit 4']}\n"
                    "retry: {max_attempts: 1}\n")  # fmt: skip
    code, out, _ = await jobctl(fleet, "submit", "-f", str(file), "--wait")
    assert (code, out) == (4, "file\n")


async def test_submit_says_which_job_and_logs_follow_it(fleet: Fleet, work: Work) -> None:
    words = ("--", "sh", "-c", "echo begun; sleep 1; echo done")
    code, out, _ = await jobctl(fleet, "submit", "--process", "-o", "id", *words)
    assert code == 0
    assert await jobctl(fleet, "logs", "-f", out.strip()) == (0, "begun\ndone\n", "")
    assert "succeeded" in (await jobctl(fleet, "status", out.strip()))[1]


@pytest.mark.parametrize(("option", "state"), [((), "running"), (("--cancel-on-interrupt",), "cancelled")])
async def test_an_interrupt_ends_the_wait_and_the_job_only_if_it_is_to(
    fleet: Fleet, work: Work, option: tuple[str, ...], state: str
) -> None:
    process = await start(fleet, *shell("echo begun; sleep 60", *option))
    assert process.stderr is not None
    job = (await process.stderr.readline()).decode().split()[0]
    await wait_until(lambda: printed(work, job), within=10, what="its first line")
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert process.returncode == 130
    if state == "running":
        assert err.decode() == f"{job} goes on; end it with: jobctl jobs cancel {job}\n"
        assert (await read(work, job))["state"] == "running"
        assert (await jobctl(fleet, "jobs", "cancel", job))[0] == 0
    assert (await ended(work, job))["state"] == "cancelled"
