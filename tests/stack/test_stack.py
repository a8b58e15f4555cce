"""`docker compose up`, as a newcomer and as an operator see it."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.scheduler.runtimes.docker.daemon import Daemon
from tests.stack.making import ROOT
from tests.stack.rig import PROGRAM, Stack, User
from tests.waiting import block_until

pytestmark = [pytest.mark.heavy, pytest.mark.images, pytest.mark.timeout(600)]

OURS = ("server", "scheduler", "reaper")


def deliver(user: User, stack: Stack, hook: str, path: str) -> dict[str, Any]:
    """A job that calls the receiver, once that has verified it and the API says how it ended."""
    made = user.http.post("/v1/jobs", json={"target": {"url": f"http://{hook}:9000{path}", "body": {"a": 1}}})
    job = made.raise_for_status().json()

    def ended() -> dict[str, Any]:
        now: dict[str, Any] = user.http.get(f"/v1/jobs/{job['id']}").raise_for_status().json()
        return now if now["state"] in ("succeeded", "failed") else {}

    found = block_until(ended, within=30, what="the job ends")
    stack.until_logged(hook, f"{path} {job['id']} attempt=1 verified")
    return found


def test_up_alone_shows_signed_webhooks_arrive(stack: Stack) -> None:
    receiver = stack.only("receiver")
    stack.until_logged(receiver, "the API says: 4 of 4 succeeded", within=90)
    lines = [line for line in stack.logs(receiver).splitlines() if " attempt=1 verified" in line]
    assert {re.findall(r"Z (\w+ /\w+)", line)[0] for line in lines} == {
        "POST /invoice", "POST /report", "PUT /cache", "PATCH /flag",
    }  # fmt: skip


def test_a_job_of_who_signed_in_by_a_mailed_link_is_delivered_signed(
    stack: Stack, user: User, hook: str
) -> None:
    assert deliver(user, stack, hook, "/first")["state"] == "succeeded"


def test_the_command_line_beside_the_receiver_is_signed_in(stack: Stack) -> None:
    receiver = stack.only("receiver")
    stack.until_logged(receiver, "jobctl is signed in here", within=90)
    command = ("python", "-m", "noonmark.command", "call", "http://receiver:9000/mine")
    stack.docker("exec", receiver, *command)
    stack.until_logged(receiver, "POST /mine")


@pytest.mark.parametrize("service", [*OURS, "proxy", "postgres"])
def test_every_container_is_confined(stack: Stack, service: str) -> None:
    for each in stack.containers(service):
        found = stack.inspected(each)
        host = found["HostConfig"]
        assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and not host["Privileged"]
        assert host["SecurityOpt"] == ["no-new-privileges:true"]
        assert found["Config"]["User"] not in ("", "0", "root")


def test_the_database_is_not_where_jobs_call(stack: Stack) -> None:
    networks = {name: set(stack.inspected(stack.containers(name)[0])["NetworkSettings"]["Networks"])
                for name in ("postgres", "proxy")}  # fmt: skip
    assert networks["postgres"] == {"noonmark_inside"}
    receiver = set(stack.inspected(stack.only("receiver"))["NetworkSettings"]["Networks"])
    assert not networks["postgres"] & (receiver | networks["proxy"])


def test_nothing_but_the_proxy_listens_on_the_machine_and_it_hides_the_metrics(
    stack: Stack, user: User
) -> None:
    label = "com.docker.compose.service"
    shown = stack.docker("ps", f'--format={{{{.Label "{label}"}}}} {{{{.Ports}}}}', f"--filter=label={label}")
    assert [line.split()[0] for line in shown.splitlines() if "->" in line] == ["proxy"]
    assert user.http.get("/metrics").status_code == 404
    assert user.http.get("/dev/outbox").status_code == 403


def test_a_secret_that_is_missing_is_named_and_nothing_starts(stack: Stack, tmp_path: Path) -> None:
    empty = tmp_path / "env"
    empty.touch()
    given = {name: value for name, value in stack.environment.items() if name != "COMPOSE"}
    line = [*PROGRAM.split(), "--project-name", "other", "--env-file", str(empty), "up", "-d"]
    done = subprocess.run(line, cwd=ROOT, env=given, capture_output=True, check=False)
    assert done.returncode != 0
    assert re.search(r"DATABASE_URL|NOONMARK_\w+|POSTGRES_PASSWORD", done.stderr.decode())
    assert "make .env" in done.stderr.decode()


def test_every_service_of_every_profile_is_read(stack: Stack) -> None:
    profiles = {"COMPOSE_PROFILES": "demo,observability"}
    assert set(stack.compose("config", "--services", changes=profiles).split()) == {
        "postgres", "migrate", *OURS, "proxy", "receiver",
        "prometheus", "alertmanager", "grafana", "otel", "jaeger",
    }  # fmt: skip


def test_a_second_migration_finds_nothing_to_do(stack: Stack) -> None:
    stack.compose("run", "--rm", "--no-deps", "migrate")


def test_schedulers_grow_from_two_to_four_and_shrink_again(stack: Stack, user: User, hook: str) -> None:
    stack.compose("up", "-d", "--no-deps", "--scale", "scheduler=4", "scheduler")
    stack.until_healthy("scheduler", 4)
    block_until(lambda: user.replicas() == 4, within=30, what="four replicas beat")
    assert deliver(user, stack, hook, "/four")["state"] == "succeeded"
    stack.compose("up", "-d", "--no-deps", "--scale", "scheduler=2", "scheduler")
    block_until(lambda: user.replicas() == 2, within=30, what="two replicas beat")


@pytest.mark.parametrize("service", OURS)
def test_a_container_that_is_told_to_stop_ends_in_order_and_comes_again(
    stack: Stack, user: User, hook: str, service: str
) -> None:
    container = stack.containers(service)[0]
    stack.docker("stop", container)
    assert stack.inspected(container)["State"]["ExitCode"] == 0
    stack.docker("start", container)
    stack.until_healthy(service, len(stack.containers(service)))
    block_until(
        lambda: user.http.get("/readyz").status_code == 200, within=30, what="the proxy finds a server"
    )
    assert deliver(user, stack, hook, f"/after-{service}")["state"] == "succeeded"


def test_no_secret_of_the_settings_is_in_an_image_or_a_log(stack: Stack, images: Daemon) -> None:
    stored = [*(f"noonmark/{name}:0.0.1" for name in ("server", "scheduler"))]
    seen = "".join(images.command("history", "--no-trunc", each) for each in stored)
    seen += "".join(images.command("image", "inspect", each) for each in stored)
    seen += "".join(stack.logs(each) for service in OURS for each in stack.containers(service))
    assert [secret for secret in stack.secrets() if secret in seen] == []
