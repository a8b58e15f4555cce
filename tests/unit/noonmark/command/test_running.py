"""`jobctl run` and `submit`: what is asked of the API, and how waiting for code ends."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

from noonmark.command.console import Console
from tests.unit.noonmark.answers import ID, NOON, URL, attempt, job, page
from tests.unit.noonmark.command.conftest import Jobctl

CODE = {"type": "container", "runtime": "process", "command": ["true"]}


def asked(server: respx.MockRouter) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(server.calls.last.request.content)
    return body


def line(number: int, text: str, stream: str = "stdout") -> dict[str, Any]:
    return {"position": f"1-{number}", "attempt": 1, "stream": stream, "at": NOON, "text": text, "mark": None}


def ends(server: respx.MockRouter, state: str, *attempts: dict[str, Any], **given: Any) -> None:
    """The job runs for one look and has printed a line, then it is over and has printed another."""
    server.post("/v1/jobs").respond(201, json=job(target=CODE))
    looks = [job(target=CODE, state="running"), job(target=CODE, state=state, **given)]
    server.get(f"/v1/jobs/{ID}").mock(side_effect=[httpx.Response(200, json=one) for one in looks])
    logs = [page(line(1, "hello")), page(line(2, "oh", "stderr"))]
    server.get(f"/v1/jobs/{ID}/logs").mock(side_effect=[httpx.Response(200, json=one) for one in logs])
    server.get(f"/v1/jobs/{ID}/attempts").respond(json=page(*attempts))


def test_an_image_is_run_with_its_command(jobctl: Jobctl, server: respx.MockRouter) -> None:
    server.post("/v1/jobs").respond(201, json=job(target=CODE))
    result = jobctl(
        *("run", "registry.example/tool:1", "--no-wait", "-e", "A=1", "--secret-env", "A", "--memory", "64"),
        *("--cpus", "0.5", "--network", "--params", '{"n": 1.10}', "--permanent-exit-code", "64"),
        *("--timeout", "60", "--max-attempts", "1", "--", "echo", "-n", "hi"),
    )
    assert result.exit_code == 0, result.output
    assert asked(server) == {
        "target": {
            "type": "container",
            "image": "registry.example/tool:1",
            "command": ["echo", "-n", "hi"],
            "env": {"A": "1"},
            "secret_env": ["A"],
            "memory_mb": 64,
            "cpus": 0.5,
            "network": True,
            "params": {"n": 1.10},
            "permanent_exit_codes": [64],
        },
        "timeout_seconds": 60,
        "retry": {"max_attempts": 1},
    }


def test_a_process_and_a_function_are_run(jobctl: Jobctl, server: respx.MockRouter) -> None:
    server.post("/v1/jobs").respond(201, json=job(target=CODE))
    jobctl("run", "--process", "--no-wait", "--workdir", "/tmp", "--", "make", "nightly")
    assert asked(server) == {
        "target": {
            "type": "container",
            "runtime": "process",
            "command": ["make", "nightly"],
            "working_directory": "/tmp",
        }
    }
    jobctl("run", "--function", "compute.math@1", "--params", "null", "--no-wait")
    assert asked(server) == {"target": {"type": "function", "function": "compute.math@1", "params": None}}
    jobctl("run", "--function", "echo@1", "--no-wait")
    assert asked(server) == {"target": {"type": "function", "function": "echo@1"}}


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["https://example.com/"], "jobctl call https://example.com/"),
        ([], "say what to run"),
        (["--process"], "say what to run"),
        (["--function", "a@1", "--", "x"], "a function takes"),
        (["--function", "a@1", "-e", "A=1"], "a function takes"),
    ],
)
def test_what_does_not_go_together_is_said(jobctl: Jobctl, typed: list[str], said: str) -> None:
    result = jobctl("run", *typed)
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr


def test_what_it_prints_is_printed_and_its_success_is_ours(jobctl: Jobctl, server: respx.MockRouter) -> None:
    """CLI-06."""
    ends(server, "succeeded", attempt(outcome="succeeded", exit_code=0))
    result = jobctl("run", "--process", "--", "true")
    assert (result.exit_code, result.stdout) == (0, "hello\n")
    assert result.stderr == f"{ID} is made; waiting\noh\n{ID} succeeded\n"
    assert server.calls.last.request.url.params["after"] == "1-1"


@pytest.mark.parametrize(
    ("state", "last", "code"),
    [
        ("failed", {"outcome": "failed", "exit_code": 3}, 3),
        ("failed", {"outcome": "failed", "exit_code": 255}, 255),
        ("failed", {"outcome": "failed", "exit_code": 137}, 137),
        ("failed", {"outcome": "timed_out", "exit_code": 143}, 124),
        ("failed", {"outcome": "failed", "exit_code": None}, 125),
        ("failed", {"outcome": "failed", "exit_code": 0}, 125),
        ("failed", {"outcome": "lost", "exit_code": None}, 125),
        ("cancelled", {"outcome": "cancelled", "exit_code": 143}, 130),
    ],
)
def test_how_it_ends_is_how_we_exit(
    jobctl: Jobctl, server: respx.MockRouter, state: str, last: dict[str, Any], code: int
) -> None:
    """CLI-06: of several attempts the last one counts."""
    ends(server, state, attempt(outcome="failed", exit_code=9), attempt(number=2, **last))
    assert jobctl("submit", "--process", "--wait", "--", "true").exit_code == code


def test_for_programs_there_is_nothing_but_the_job(jobctl: Jobctl, server: respx.MockRouter) -> None:
    ends(server, "succeeded")
    result = jobctl("run", "--process", "-o", "json", "--", "true")
    assert json.loads(result.stdout)["state"] == "succeeded"
    assert result.stderr == ""


def test_a_wait_has_its_end(jobctl: Jobctl, server: respx.MockRouter) -> None:
    server.post("/v1/jobs").respond(201, json=job(target=CODE))
    server.get(f"/v1/jobs/{ID}").respond(json=job(target=CODE, state="queued"))
    server.get(f"/v1/jobs/{ID}/logs").respond(json=page())
    result = jobctl("run", "--process", "--for", "2s", "--", "true")
    assert (result.exit_code, "is queued after 2 s" in result.stderr) == (6, True)


@pytest.mark.parametrize(
    ("option", "said", "cancels"),
    [((), f"{ID} goes on; end it with: jobctl jobs cancel {ID}\n", False),
     (("--cancel-on-interrupt",), f"{ID} is cancelling\n", True)],
)  # fmt: skip
def test_an_interrupt_ends_the_wait_and_not_the_job_unless_it_is_to(
    anybody: Jobctl, server: respx.MockRouter, option: tuple[str, ...], said: str, cancels: bool
) -> None:
    server.post("/v1/jobs").respond(201, json=job(target=CODE))
    server.get(f"/v1/jobs/{ID}").respond(json=job(target=CODE, state="running"))
    server.get(f"/v1/jobs/{ID}/logs").respond(json=page())
    cancel = server.post(f"/v1/jobs/{ID}/cancel").respond(202, json=job(target=CODE, state="cancelling"))

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    console = Console(url=URL, token="nm_t", sleep=interrupt)
    result = anybody("run", "--process", *option, "--", "true", obj=console)
    assert (result.exit_code, result.stderr) == (130, f"{ID} is made; waiting\n{said}")
    assert cancel.called == cancels


@pytest.mark.parametrize("name", ["job.json", "job.yaml", "job.yml"])
def test_a_file_says_all_of_a_job(
    jobctl: Jobctl, server: respx.MockRouter, tmp_path: Path, name: str
) -> None:
    server.post("/v1/jobs").respond(201, json=job())
    body = {"target": {"type": "function", "function": "echo@1", "params": {"a": [1, None]}}, "priority": 7}
    file = tmp_path / name
    file.write_text(json.dumps(body) if name.endswith("json") else YAML)
    assert jobctl("submit", "-f", str(file)).exit_code == 0
    assert asked(server) == body


YAML = """
target:
  type: function
  function: echo@1
  params: {a: [1, null]}
priority: 7
"""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-f", "{file}", "--queue", "x"], "give no other options"),
        (["-f", "{file}", "https://example.com/"], "give no other options"),
        (["-f", "{file}.none"], "cannot be read"),
        (["-f", "{file}"], "is no job"),
        ([], "give one URL"),
        (["https://example.com/", "-e", "A=1"], "a URL has no environment"),
    ],
)
def test_a_submission_that_cannot_be_meant_is_said(
    jobctl: Jobctl, tmp_path: Path, arguments: list[str], said: str
) -> None:
    file = tmp_path / "job.json"
    file.write_text("[1, 2]")
    result = jobctl("submit", *[each.format(file=file) for each in arguments])
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr
