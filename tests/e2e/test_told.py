"""What the code of an attempt tells, read through the API while it works and after it."""

import os
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.fleet import CALM, Fleet
from tests.e2e.processes import Process
from tests.e2e.test_code import command, ended, printed, read, shell, submit
from tests.e2e.work import Work
from tests.waiting import wait_until


@pytest.fixture
def settings(fleet: Fleet, tmp_path: Path) -> dict[str, str]:
    return {
        **CALM,
        "NOONMARK_RUNTIMES": "process,function",
        "NOONMARK_FUNCTIONS": "tests.e2e.told",
        "NOONMARK_DATA_DIR": str(tmp_path),
        "PUBLIC_URL": fleet.url,
    }


@pytest.fixture
async def scheduler(fleet: Fleet, settings: Mapping[str, str]) -> AsyncIterator[Process]:
    async with fleet.scheduler(settings=settings) as process:
        yield process


def function(name: str, params: Any) -> dict[str, Any]:
    return {"type": "function", "function": name, "params": params}


async def story(work: Work, job: str) -> list[tuple[str, int | None, Any]]:
    items = (await work.api.get(f"/v1/jobs/{job}/events")).json()["items"]
    return [(item["kind"], item["attempt"], item["data"]) for item in items]


def hook(attempt: int, name: str, **given: str) -> tuple[str, int, Any]:
    return ("hook", attempt, {"name": name, **given})


async def test_batches_tell_their_progress(scheduler: Process, work: Work) -> None:
    """DEF-08."""
    job = await submit(work, function("process.batch@1", {"items": 12, "batch_size": 5}))
    await ended(work, job)
    told = [data for kind, _, data in await story(work, job) if kind == "progress"]
    assert [(data["done"], data["total"]) for data in told] == [(5, 12), (10, 12), (12, 12)]


async def test_a_success_is_told_in_order(scheduler: Process, work: Work) -> None:
    """DEF-05, EVT-01, EVT-03: also that a hook's error changes nothing."""
    job = await submit(work, function("told.story@1", "succeed"))
    assert (await ended(work, job))["state"] == "succeeded"
    assert await story(work, job) == [
        ("created", None, None),
        ("queued", None, None),
        ("started", 1, None),
        hook(1, "on_start"),
        ("progress", 1, {"done": 1, "total": 2, "message": "half"}),
        ("custom", 1, {"name": "uploaded", "data": {"bytes": 3}}),
        ("progress", 1, {"done": 2, "total": 2}),
        hook(1, "on_success", error="KeyError: 'confetti'"),
        hook(1, "on_end"),
        ("succeeded", 1, None),
    ]


async def test_on_fail_is_told_after_the_last_attempt_alone(scheduler: Process, work: Work) -> None:
    job = await submit(work, function("told.story@1", "fail"))
    assert (await ended(work, job))["state"] == "failed"
    told = [(kind, n, data and data.get("name")) for kind, n, data in await story(work, job)]
    assert [each for each in told if each[0] not in ("progress", "custom", "queued")] == [
        ("created", None, None),
        ("started", 1, None),
        ("hook", 1, "on_start"),
        ("hook", 1, "on_end"),
        ("retrying", 1, None),
        ("started", 2, None),
        ("hook", 2, "on_start"),
        ("hook", 2, "on_fail"),
        ("hook", 2, "on_end"),
        ("failed", 2, None),
        ("dead_lettered", 2, None),
    ]


async def test_it_is_seen_while_the_code_works_and_on_end_after_a_cancel(
    scheduler: Process, work: Work
) -> None:
    """EVT-02: within two seconds."""
    job = await submit(work, function("told.story@1", "wait"))

    async def seen() -> bool:
        return "custom" in [kind for kind, *_ in await story(work, job)]

    await wait_until(lambda: _running(work, job), within=30, what="the attempt's start")
    await wait_until(seen, within=2, what="its first words")
    assert (await read(work, job))["state"] == "running"
    await work.api.post(f"/v1/jobs/{job}/cancel")
    assert (await ended(work, job))["state"] == "cancelled"
    told = await story(work, job)
    assert told[-3:] == [("cancelling", None, None), hook(1, "on_end"), ("cancelled", 1, None)] or told[
        -3:
    ] == [("cancelling", 1, None), hook(1, "on_end"), ("cancelled", 1, None)]


async def _running(work: Work, job: str) -> bool:
    return bool((await read(work, job))["state"] == "running")


TELL = """
import json, os, urllib.error, urllib.request

def tell(body, url=None):
    request = urllib.request.Request(url or os.environ["NOONMARK_CALLBACK_URL"], json.dumps(body).encode(), {
        "Authorization": "Bearer " + os.environ["NOONMARK_CALLBACK_TOKEN"],
        "Content-Type": "application/json"})
    try:
        return json.load(urllib.request.urlopen(request))
    except urllib.error.HTTPError as error:
        return error.code
"""


async def test_a_process_tells_over_http_and_about_no_other_job(scheduler: Process, work: Work) -> None:
    other = await submit(work, shell("sleep 60", grace_seconds=0))
    await wait_until(lambda: _running(work, other), within=30, what="the other job's start")
    script = f"""{TELL}
print(tell({{"progress": {{"done": 3, "total": 12}}, "event": {{"name": "page", "data": {{"n": 3}}}}}}))
mine = os.environ["NOONMARK_JOB_ID"]
theirs = "{other}"
url = os.environ["NOONMARK_CALLBACK_URL"]
print(tell({{"note": "x"}}, url.replace(mine, theirs)))
cancel = url.replace("callback", "cancel")
print(tell({{}}, cancel), tell({{}}, cancel.replace(mine, theirs)))
"""
    job = await submit(work, command("/usr/bin/env", "python3", "-c", script))
    assert (await ended(work, job))["state"] == "succeeded"
    lines = [text for _, text in await printed(work, job)]
    assert lines == ["{'cancel_requested': False}", "404", "403 403"]
    assert (await story(work, job))[3:-1] == [
        ("progress", 1, {"done": 3, "total": 12}),
        ("custom", 1, {"name": "page", "data": {"n": 3}}),
    ]
    assert [kind for kind, *_ in await story(work, other)] == ["created", "queued", "started"]
    await work.api.post(f"/v1/jobs/{other}/cancel")
    await ended(work, other)


async def test_a_token_that_was_carried_away_is_worth_nothing_after_the_end(
    scheduler: Process, work: Work
) -> None:
    script = 'printf "%s\\n%s\\n" "$NOONMARK_CALLBACK_URL" "$NOONMARK_CALLBACK_TOKEN"'
    job = await submit(work, shell(script))
    await ended(work, job)
    [url, token] = [text for _, text in await printed(work, job)]
    answer = await work.api.post(url, json={"note": "late"}, headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["code"]) == (409, "attempt_over")
    stolen = await work.api.get(f"/v1/jobs/{job}", headers={"Authorization": f"Bearer {token}"})
    assert stolen.status_code == 403


async def test_code_that_checks_in_hears_of_its_cancel(scheduler: Process, work: Work) -> None:
    script = f"""{TELL}
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
tell({{"note": "ready"}})
while tell({{}}) != {{"cancel_requested": True}}:
    time.sleep(0.3)
tell({{"line": "stopping"}})
"""
    job = await submit(work, command("/usr/bin/env", "python3", "-c", script, grace_seconds=10))

    async def ready() -> bool:
        return "checked_in" in [kind for kind, *_ in await story(work, job)]

    await wait_until(ready, within=30, what="its check-in")
    await work.api.post(f"/v1/jobs/{job}/cancel")
    assert (await ended(work, job))["state"] == "cancelled"
    kinds = [kind for kind, *_ in await story(work, job)]
    assert kinds[-4:] == ["checked_in", "cancelling", "logged", "cancelled"]


async def test_a_job_says_what_it_waits_for(fleet: Fleet, settings: Mapping[str, str], work: Work) -> None:
    """CLM-13, of runtimes."""
    async with fleet.scheduler(settings=CALM):
        job = await submit(work, command("/bin/true"))
        await wait_until(lambda: _offered(work), within=10, what="the replica's beat")
        assert await _offered(work) == [["http"]]
        assert await _waits(work, job, "process")
        async with fleet.scheduler(settings=settings):
            assert (await ended(work, job))["waiting_for"] is None


async def _offered(work: Work) -> list[list[str]]:
    replicas = (await work.api.get("/v1/replicas")).json()["items"]
    return [one["offers"] for one in replicas if one["state"] == "alive"]


async def _waits(work: Work, job: str, what: str) -> bool:
    found = await read(work, job)
    return (found["state"], found["waiting_for"]) == ("queued", what)


@pytest.mark.promise(11)
async def test_a_process_of_another_user_cannot_read_what_the_scheduler_knows(
    fleet: Fleet, settings: dict[str, str], work: Work
) -> None:
    """RUN-07. Where the scheduler is not root, it says that it has to be."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        given = settings | {"NOONMARK_PROCESS_USER": "nobody", "NOONMARK_DATA_DIR": folder}
        process = fleet.scheduler(settings=given)
        if os.geteuid() != 0:
            assert await process.exit() == 2
            assert "NOONMARK_PROCESS_USER" in process.tail()
            return
        async with process:
            await _nothing_is_read(fleet, work, process)


async def _nothing_is_read(fleet: Fleet, work: Work, process: Process) -> None:
    script = f"id -u; cat /proc/{process.pid}/environ; cat /proc/[0-9]*/environ; true"
    job = await submit(work, shell(script + '; echo "[1]" > $NOONMARK_OUTPUT_DIR/result.json'))
    over = await ended(work, job)
    assert (over["state"], over["result"]) == ("succeeded", [1]), over["last_error"]
    lines = await printed(work, job)
    told = "\n".join(text for _, text in lines)
    assert ("stdout", "65534") in lines
    assert f"/proc/{process.pid}/environ: Permission denied" in told
    for secret in (fleet.master_key, fleet.jwt_secret, "DATABASE_URL"):
        assert secret not in told


async def test_what_fills_its_folder_is_ended_and_harms_nobody(
    fleet: Fleet, settings: dict[str, str], work: Work, tmp_path: Path
) -> None:
    async with fleet.scheduler(settings=settings | {"NOONMARK_OUTPUT_MB": "8"}):
        script = 'cd "$NOONMARK_OUTPUT_DIR"; while :; do head -c 1000000 /dev/zero >> a; sleep 0.05; done'
        job = await submit(work, shell(script, grace_seconds=0.2), retry={"max_attempts": 1})
        other = await submit(work, command("/bin/true"))
        over = await ended(work, job)
        assert (over["state"], over["last_error"]["code"]) == ("failed", "output_too_large")
        assert (await ended(work, other))["state"] == "succeeded"
    assert list((tmp_path / "attempts").glob("*/*")) == []
