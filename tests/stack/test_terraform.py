"""`terraform apply` of environments/local, from nothing to a delivery, to four schedulers, to nothing.

The tests stand in the order in which an operator would meet what they show; the last one destroys.
"""

import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from tests.integration.scheduler.runtimes.docker.daemon import Daemon, running
from tests.stack.making import OLD, ROOT
from tests.stack.rig import Stack, User
from tests.stack.terraform import POSTGRES, Local, copy_images, make_postgres
from tests.waiting import block_until

pytestmark = [pytest.mark.heavy, pytest.mark.providers, pytest.mark.timeout(600)]

HOOK = "terraform-hook"
OURS = ("server", "scheduler", "reaper")


@pytest.fixture(scope="module")
def machine(images: Daemon) -> Iterator[Daemon]:
    """An engine with the usual bridge, which the provider takes every container off."""
    folder = Path(tempfile.mkdtemp(prefix="noonmark-terraform-"))
    options = ("--storage-driver=overlay2", "--bridge=", "--bip=172.30.97.1/24")
    with running(folder, *options) as daemon:
        copy_images(images, daemon)
        make_postgres(daemon)
        yield daemon
    subprocess.run(["ip", "link", "delete", "docker0"], check=False, capture_output=True)


@pytest.fixture(scope="module")
def planned(machine: Daemon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    local = Local(machine, tmp_path_factory.mktemp("local"), port)
    yield local
    local.terraform("destroy", "-auto-approve")


@pytest.fixture(scope="module")
def applied(planned: Local) -> Local:
    if not planned.containers("server"):
        planned.apply()
    return planned


@pytest.fixture(scope="module")
def user(applied: Local) -> Iterator[User]:
    """Signed in by a mailed link."""
    signed_in = User(cast(Stack, applied))
    yield signed_in
    signed_in.http.close()


@pytest.fixture(scope="module")
def hook(applied: Local, user: User) -> Iterator[str]:
    """The example receiver, in the network that is made for receivers."""
    applied.docker(
        "run", "--detach", "--name", HOOK, "--network", applied.output("targets_network"),
        "--env", f"NOONMARK_WEBHOOK_SECRET={user.signing_secrets()}",
        "--volume", f"{ROOT}/examples:/opt/noonmark/code/examples:ro",
        "--entrypoint", "python", f"noonmark/server:{OLD}",
        "-m", "examples.receiver", "--host", "0.0.0.0",
    )  # fmt: skip
    block_until(lambda: "listening" in applied.logs(HOOK), within=30, what="the receiver listens")
    yield HOOK
    applied.docker("rm", "--force", HOOK)


def deliver(user: User, local: Local, hook: str, path: str) -> None:
    """A job whose call arrives, verified, and which the API then calls succeeded."""
    made = user.http.post("/v1/jobs", json={"target": {"url": f"http://{hook}:9000{path}", "body": {"a": 1}}})
    job = made.raise_for_status().json()["id"]

    def succeeded() -> bool:
        return bool(user.http.get(f"/v1/jobs/{job}").raise_for_status().json()["state"] == "succeeded")

    block_until(succeeded, within=30, what="the job has succeeded")
    assert f"{path} {job} attempt=1 verified" in local.logs(hook)


def say(capsys: pytest.CaptureFixture[str], line: str) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{line}")


def test_a_plan_is_carried_out_as_it_was_said(planned: Local, capsys: pytest.CaptureFixture[str]) -> None:
    said = planned.terraform("plan", "-out=plan")
    [plan] = re.findall(r"Plan: \d+ to add, 0 to change, 0 to destroy\.", said)
    done = planned.terraform("apply", "plan")
    [apply] = re.findall(r"Apply complete! .*", done)
    say(capsys, f"{plan} {apply}")
    assert plan.split()[1] == apply.split()[3]


def test_a_job_of_who_signed_in_by_a_mailed_link_is_delivered_signed(
    applied: Local, user: User, hook: str
) -> None:
    deliver(user, applied, hook, "/first")


def test_applied_again_it_changes_nothing(applied: Local, capsys: pytest.CaptureFixture[str]) -> None:
    assert not applied.changes()
    line = applied.apply()
    say(capsys, f"again: {line}")
    assert "0 added, 0 changed, 0 destroyed" in line


def test_every_container_is_confined_and_only_the_api_listens(applied: Local) -> None:
    for service in (*OURS, "postgres"):
        for name in applied.containers(service):
            found = applied.inspected(name)
            host = found["HostConfig"]
            assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and not host["Privileged"]
            assert host["SecurityOpt"] == ["no-new-privileges:true"]
            assert found["Config"]["User"] not in ("", "0", "root")
            published = {port: to for port, to in found["NetworkSettings"]["Ports"].items() if to}
            assert (service == "server") == bool(published)
            assert all(each["HostIp"] == "127.0.0.1" for to in published.values() for each in to)


def test_no_secret_is_in_the_state_the_plan_or_what_the_engine_shows(applied: Local) -> None:
    [server] = applied.containers("server")
    kept = applied.docker("exec", server, "cat", "/run/noonmark/kept", "/run/noonmark/postgres-password")
    secrets = re.findall(r"[\w:+/=-]{32,}", re.sub(r"(?m)^[A-Z_]+=", "", kept))
    assert len(secrets) == 5
    names = [name for service in (*OURS, "postgres") for name in applied.containers(service)]
    names += ["noonmark-secrets", "noonmark-migrate"]
    seen = applied.state() + applied.terraform("show", "-json", "plan")
    seen += "".join(applied.docker("inspect", name) + applied.logs(name) for name in names)
    assert [secret for secret in secrets if secret in seen] == []


def test_schedulers_grow_from_two_to_four_and_shrink_again(
    applied: Local, user: User, hook: str, capsys: pytest.CaptureFixture[str]
) -> None:
    more = applied.apply("-var=schedulers=4")
    block_until(lambda: user.replicas() == 4, within=30, what="four replicas beat")
    deliver(user, applied, hook, "/four")
    fewer = applied.apply("-var=schedulers=2")
    block_until(lambda: user.replicas() == 2, within=30, what="two replicas beat")
    say(capsys, f"2 to 4: {more} 4 to 2: {fewer}")
    assert "2 added, 0 changed, 0 destroyed" in more and "0 added, 0 changed, 2 destroyed" in fewer


def test_a_setting_that_changes_replaces_what_reads_it_and_loses_nothing(
    applied: Local, user: User, hook: str
) -> None:
    """Also the secrets are made anew, and are the old ones: who is signed in stays so."""
    applied.apply("-var=drain_seconds=6", "-replace=module.noonmark.docker_container.secrets")
    assert all(
        applied.inspected(each)["Config"]["StopTimeout"] == 36 for each in applied.containers("scheduler")
    )
    deliver(user, applied, hook, "/anew")


def test_a_container_that_died_is_there_again_after_an_apply(applied: Local, user: User, hook: str) -> None:
    [reaper] = applied.containers("reaper")
    applied.docker("rm", "--force", reaper)
    assert applied.changes()
    applied.apply()
    assert applied.containers("reaper") == [reaper]


def test_the_outputs_say_how_to_sign_in_and_take_a_backup(applied: Local) -> None:
    given = {"DOCKER_HOST": f"unix://{applied.daemon.socket}"}
    for name, begins in (("admin_secret", b""), ("backup", b"PGDMP")):
        command = applied.output(name).partition(" > ")[0]
        done = subprocess.run(["sh", "-c", command], env={"PATH": "/usr/bin:/bin:/usr/local/bin", **given},
                              capture_output=True, check=True)  # fmt: skip
        assert done.stdout.startswith(begins) and len(done.stdout) > 32
    assert "/dev/outbox" in applied.output("sign_in")


def test_destroyed_nothing_is_left_but_images(
    machine: Daemon, applied: Local, capsys: pytest.CaptureFixture[str]
) -> None:
    applied.docker("rm", "--force", HOOK)
    said = applied.terraform("destroy", "-auto-approve")
    say(capsys, re.findall(r"Destroy complete! .*", said)[0])
    networks = machine.command("network", "ls", "--format={{.Name}}").split()
    assert (machine.containers(), machine.volumes(), set(networks)) == ([], [], {"bridge", "host", "none"})
    assert POSTGRES in machine.command("images", "--format={{.Repository}}:{{.Tag}}").split()
