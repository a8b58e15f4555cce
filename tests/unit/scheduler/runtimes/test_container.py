"""What a container is made of: never root, never more than was ordered, and marked as ours."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from core.jobs.targets import Limits
from scheduler.runtimes.docker.container import (
    DEFAULT_LIMITS,
    container_config,
    container_labels,
    container_name,
    container_user,
)
from scheduler.runtimes.runtime import Order

TOKEN = UUID("0192d3a0-0000-7000-8000-000000000001")
JOB = UUID("0192d3a0-0000-7000-8000-000000000002")


def order(*command: str, limits: Limits | None = None, environment: dict[str, str] | None = None) -> Order:
    return Order(
        job_id=JOB,
        attempt=2,
        lease_token=TOKEN,
        tenant_id=JOB,
        command=command,
        environment=environment or {},
        folder=Path("/attempts/one"),
        limits=limits or Limits(),
    )


def config(ordered: Order) -> dict[str, Any]:
    return container_config(
        ordered, image_id="sha256:1", user="65534:65534", labels={}, network="none", defaults=DEFAULT_LIMITS
    )


@pytest.mark.parametrize(
    ("named", "user"),
    [
        ("", "65534:65534"),
        ("root", "65534:65534"),
        ("app", "65534:65534"),
        ("0", "65534:65534"),
        ("00", "65534:65534"),
        ("0:1000", "65534:65534"),
        ("1000:0", "65534:65534"),
        ("1000:root", "65534:65534"),
        ("-1", "65534:65534"),
        ("4294967296", "65534:65534"),
        ("١٠", "65534:65534"),
        ("1000\n", "65534:65534"),
        ("1000", "1000:1000"),
        ("1000:50", "1000:50"),
    ],
)
def test_under_root_an_image_may_name_a_number_that_is_not_roots(named: str, user: str) -> None:
    assert container_user(named, uid=0, gid=0) == user


@pytest.mark.parametrize("named", ["", "root", "1000", "app"])
def test_under_anybody_else_it_is_them(named: str) -> None:
    assert container_user(named, uid=501, gid=20) == "501:20"
    assert container_user(named, uid=501, gid=0) == "501:65534"


def test_nothing_that_was_not_ordered_is_given() -> None:
    host = config(order("true"))["HostConfig"]
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["ReadonlyRootfs"] and not host["Privileged"]
    assert host["NetworkMode"] == "none"
    assert host["LogConfig"] == {"Type": "none"}


def test_the_folder_alone_is_mounted_and_the_params_cannot_be_written() -> None:
    mounts = config(order("true"))["HostConfig"]["Mounts"]
    assert {(mount["Source"], mount["Target"], mount["ReadOnly"]) for mount in mounts} == {
        ("/attempts/one/out", "/noonmark/out", False),
        ("/attempts/one/params.json", "/noonmark/params.json", True),
    }


@pytest.mark.parametrize(
    ("limits", "memory", "cpus", "pids"),
    [
        (Limits(), 512, 1_000_000_000, 256),
        (Limits(memory_mb=64, cpus=0.25, pids=9), 64, 250_000_000, 9),
    ],
)
def test_there_is_always_a_limit_and_swap_is_no_way_around_it(
    limits: Limits, memory: int, cpus: int, pids: int
) -> None:
    host = config(order("true", limits=limits))["HostConfig"]
    assert host["Memory"] == host["MemorySwap"] == memory * 1024 * 1024
    assert (host["NanoCpus"], host["PidsLimit"]) == (cpus, pids)


def test_a_command_takes_the_place_of_entry_point_and_arguments() -> None:
    made = config(order("echo", "hi"))
    assert (made["Entrypoint"], made["Cmd"]) == (["echo", "hi"], [])


def test_without_a_command_the_images_own_is_not_touched() -> None:
    assert {"Entrypoint", "Cmd", "WorkingDir"}.isdisjoint(config(order()))


def test_where_the_output_goes_is_not_the_jobs_to_say() -> None:
    made = config(order("true", environment={"NOONMARK_OUTPUT_DIR": "/etc", "A": "1"}))
    assert {"A=1", "NOONMARK_OUTPUT_DIR=/noonmark/out"} <= set(made["Env"])
    assert not any("/etc" in one for one in made["Env"])


def test_a_container_gets_the_variables_that_every_attempt_gets() -> None:
    made = config(order("true"))["Env"]
    assert {f"NOONMARK_JOB_ID={JOB}", "NOONMARK_ATTEMPT=2", "NOONMARK_PARAMS=null"} <= set(made)


def test_labels_and_name_say_whose_it_is() -> None:
    labels = container_labels(order("true"), replica="r1", installation="i1")
    assert labels == {
        "noonmark.lease": str(TOKEN),
        "noonmark.installation": "i1",
        "noonmark.job": str(JOB),
        "noonmark.attempt": "2",
        "noonmark.replica": "r1",
    }
    assert container_name(TOKEN) == f"noonmark-{TOKEN}"
