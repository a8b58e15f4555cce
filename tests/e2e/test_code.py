"""Jobs that run code, through the whole installation: a command, a function, their output and their ends."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.fleet import CALM, Fleet
from tests.e2e.processes import Process
from tests.e2e.work import Work
from tests.waiting import wait_until

RETRY = {"max_attempts": 2, "base_seconds": 0.1, "max_seconds": 0.2}


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    return {**CALM, "NOONMARK_RUNTIMES": "process,function", "NOONMARK_DATA_DIR": str(tmp_path)}


@pytest.fixture
async def scheduler(fleet: Fleet, settings: Mapping[str, str]) -> AsyncIterator[Process]:
    async with fleet.scheduler(settings=settings) as process:
        yield process


async def submit(work: Work, target: dict[str, Any], **given: Any) -> str:
    answer = await work.api.post("/v1/jobs", json={"target": target, "retry": RETRY, **given})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def command(*words: str, **given: Any) -> dict[str, Any]:
    return {"type": "container", "runtime": "process", "command": list(words), **given}


def shell(script: str, **given: Any) -> dict[str, Any]:
    return command("/bin/sh", "-c", script, **given)


async def read(work: Work, job: str) -> dict[str, Any]:
    found: dict[str, Any] = (await work.api.get(f"/v1/jobs/{job}")).json()
    return found


async def ended(work: Work, job: str, *, within: float = 20.0) -> dict[str, Any]:
    async def look() -> list[dict[str, Any]]:
        found = await read(work, job)
        return [found] if found["finished_at"] is not None else []

    found: list[dict[str, Any]] = await wait_until(look, within=within, what="the job's end")
    return found[0]


async def tried(work: Work, job: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await work.api.get(f"/v1/jobs/{job}/attempts")).json()["items"]
    return items


async def printed(work: Work, job: str) -> list[tuple[str, str]]:
    items = (await work.api.get(f"/v1/jobs/{job}/logs")).json()["items"]
    return [(line["stream"], line["text"]) for line in items]


def folders(tmp_path: Path) -> list[Path]:
    """What attempts have left on the disk."""
    return list((tmp_path / "attempts").glob("*/*"))


async def test_a_command_runs_and_its_result_and_output_are_kept(
    scheduler: Process, work: Work, tmp_path: Path
) -> None:
    script = """echo "$GREETING"; echo oh >&2; cd "$NOONMARK_OUTPUT_DIR"; cat ../params.json > result.json"""
    job = await submit(work, shell(script, env={"GREETING": "hi"}, params={"score": 61}))
    over = await ended(work, job)
    assert (over["state"], over["result"], over["last_error"]) == ("succeeded", {"score": 61}, None)
    assert sorted(await printed(work, job)) == [("stderr", "oh"), ("stdout", "hi")]
    [attempt] = await tried(work, job)
    assert (attempt["outcome"], attempt["exit_code"], attempt["response"]) == ("succeeded", 0, None)
    assert folders(tmp_path) == []


async def test_an_exit_code_fails_the_attempt_which_keeps_its_result(scheduler: Process, work: Work) -> None:
    job = await submit(work, shell('echo 7 > "$NOONMARK_OUTPUT_DIR/result.json"; exit 3'))
    over = await ended(work, job)
    assert (over["state"], over["last_error"]["code"]) == ("failed", "exited")
    assert [(one["exit_code"], one["result"]) for one in await tried(work, job)] == [(3, 7), (3, 7)]


async def test_a_permanent_exit_code_is_not_tried_again(scheduler: Process, work: Work) -> None:
    job = await submit(work, shell("exit 64", permanent_exit_codes=[64]))
    assert (await ended(work, job))["attempts_made"] == 1


async def test_a_program_that_is_not_there_says_so(scheduler: Process, work: Work) -> None:
    job = await submit(work, command("/nonexistent/program"))
    over = await ended(work, job)
    assert (over["state"], over["last_error"]["code"], over["attempts_made"]) == ("failed", "not_started", 1)


@pytest.mark.parametrize(
    ("making", "code"), [("echo {broken", "result_invalid"), ("seq 200000", "result_too_large")]
)
async def test_a_result_that_cannot_be_kept_is_told_and_loses_no_job(
    scheduler: Process, work: Work, making: str, code: str
) -> None:
    over = await ended(work, await submit(work, shell(f"{making} > $NOONMARK_OUTPUT_DIR/result.json")))
    assert (over["state"], over["result"], over["result_error"]["code"]) == ("succeeded", None, code)
    [attempt] = await tried(work, str(over["id"]))
    assert attempt["error"]["code"] == attempt["result_error"]["code"] == code


async def test_a_failed_attempt_says_what_is_wrong_with_its_result_too(
    scheduler: Process, work: Work
) -> None:
    job = await submit(work, shell("echo {broken > $NOONMARK_OUTPUT_DIR/result.json; exit 3"))
    await ended(work, job)
    codes = [(one["error"]["code"], one["result_error"]["code"]) for one in await tried(work, job)]
    assert codes == [("exited", "result_invalid")] * 2


async def test_what_overruns_its_time_is_ended_with_all_its_children(
    scheduler: Process, work: Work, tmp_path: Path
) -> None:
    job = await submit(
        work, shell("trap '' TERM; sleep 600 & sleep 600", grace_seconds=0.2), timeout_seconds=1,
        retry={"max_attempts": 1},
    )  # fmt: skip
    over = await ended(work, job)
    assert (over["state"], over["last_error"]["code"]) == ("failed", "timeout")
    assert [one["outcome"] for one in await tried(work, job)] == ["timed_out"]
    assert folders(tmp_path) == []


async def test_a_running_command_is_cancelled(scheduler: Process, work: Work, tmp_path: Path) -> None:
    job = await submit(work, shell("echo begun; sleep 600", grace_seconds=0.5))
    await wait_until(lambda: printed(work, job), within=10, what="its first line")
    answer = await work.api.post(f"/v1/jobs/{job}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (202, "cancelling")
    assert (await ended(work, job))["state"] == "cancelled"
    assert folders(tmp_path) == []


async def test_a_function_is_called_with_its_params(scheduler: Process, work: Work) -> None:
    params = {"operation": "fibonacci", "n": 20}
    target = {"type": "function", "function": "compute.math@1", "params": params}
    over = await ended(work, await submit(work, target))
    assert over["state"] == "succeeded", over["last_error"]
    assert 6765 in over["result"].values()


async def test_a_function_that_is_not_registered_says_so(scheduler: Process, work: Work) -> None:
    over = await ended(work, await submit(work, {"type": "function", "function": "nobody@9"}))
    assert (over["state"], over["last_error"]["code"]) == ("failed", "not_started")


@pytest.mark.promise(11)
async def test_code_sees_nothing_of_the_schedulers_environment(
    fleet: Fleet, scheduler: Process, work: Work
) -> None:
    job = await submit(work, command("/usr/bin/env"))
    assert (await ended(work, job))["state"] == "succeeded"
    text = "\n".join(line for _, line in await printed(work, job))
    assert f"NOONMARK_JOB_ID={job}" in text
    for secret in (fleet.master_key, fleet.jwt_secret, "DATABASE_URL", "PYTHONPATH"):
        assert secret not in text


async def test_a_job_waits_for_a_replica_that_offers_what_it_needs(
    fleet: Fleet, settings: Mapping[str, str], work: Work
) -> None:
    async with fleet.scheduler(settings=CALM):
        job = await submit(work, command("/bin/true"))
        await work.submit(1)
        assert [one.state for one in await work.ended()] == ["succeeded"]
        assert (await read(work, job))["state"] == "queued"
        async with fleet.scheduler(settings=settings):
            assert (await ended(work, job))["state"] == "succeeded"


async def test_a_killed_replica_leaves_no_process_and_the_job_runs_again(
    fleet: Fleet, work: Work, tmp_path: Path
) -> None:
    quick = {"NOONMARK_RUNTIMES": "process", "NOONMARK_DATA_DIR": str(tmp_path)}
    mark = tmp_path / "pids"
    script = f'echo $$ >> {mark}; [ "$NOONMARK_ATTEMPT" = 2 ] || sleep 600'
    async with fleet.reaper(), fleet.scheduler(settings=quick) as first:
        job = await submit(work, shell(script))
        await wait_until(mark.exists, within=10, what="the first attempt")
        first.kill()
        pid = mark.read_text().split()[0]
        await wait_until(lambda: not Path(f"/proc/{pid}").exists(), within=10, what="the process's end")
        async with fleet.scheduler(settings=quick):
            over = await ended(work, job)
            await wait_until(lambda: not folders(tmp_path), within=30, what="an empty folder")
    assert (over["state"], over["attempts_made"]) == ("succeeded", 2)
