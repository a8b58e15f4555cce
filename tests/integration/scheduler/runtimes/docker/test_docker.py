"""What a job sees in its container, what it may do there, and how its end is told."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from core.jobs.targets import Limits
from scheduler.runtimes.docker.engine import EngineError
from scheduler.runtimes.runtime import Ending, Exit
from tests.integration.scheduler.runtimes.docker.daemon import Daemon
from tests.integration.scheduler.runtimes.docker.rig import Rig

pytestmark = [pytest.mark.docker, pytest.mark.heavy]

SUCCEEDED = Exit(how=Ending.EXITED, code=0)


async def test_both_outputs_and_the_exit_code_come_out(rig: Rig) -> None:
    assert await rig.shell("echo hi; echo oh >&2; exit 3") == Exit(how=Ending.EXITED, code=3)
    assert (rig.printed.out, rig.printed.err) == ("hi\n", "oh\n")


async def test_the_command_is_executed_as_it_is_given(rig: Rig) -> None:
    assert await rig.carry_out(rig.order("printf", "[%s]", "a  b", "$HOME", "*", "")) == SUCCEEDED
    assert rig.printed.out == "[a  b][$HOME][*][]"


async def test_a_command_takes_the_place_of_the_entry_point_and_its_arguments(rig: Rig) -> None:
    rig.daemon.make_image("noonmark/entry:1", 'ENTRYPOINT ["echo","entry"]', 'CMD ["arguments"]')
    assert await rig.carry_out(rig.order("echo", "given", image="noonmark/entry:1")) == SUCCEEDED
    assert rig.printed.out == "given\n"


async def test_without_a_command_the_image_decides(rig: Rig) -> None:
    rig.daemon.make_image("noonmark/entry:1", 'ENTRYPOINT ["echo","entry"]', 'CMD ["arguments"]')
    assert await rig.carry_out(rig.order(image="noonmark/entry:1")) == SUCCEEDED
    assert rig.printed.out == "entry arguments\n"


async def test_an_image_that_has_no_command_needs_one(rig: Rig) -> None:
    end = await rig.carry_out(rig.order())
    assert end.how is Ending.NOT_STARTED
    assert "No command specified" in end.message


async def test_the_environment_is_the_orders_and_nothing_of_ours(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody:secret@nowhere/noonmark")
    order = rig.order("env", environment={"NOONMARK_OUTPUT_DIR": "/elsewhere", "LINES": "a\nb=c"})
    assert await rig.carry_out(order) == SUCCEEDED
    lines = rig.printed.out.splitlines()
    assert {f"NOONMARK_JOB_ID={order.job_id}", "NOONMARK_OUTPUT_DIR=/noonmark/out", "b=c"} <= set(lines)
    ours = {f"NOONMARK_{name}" for name in ("JOB_ID", "ATTEMPT", "OUTPUT_DIR", "PARAMS")}
    names = {line.partition("=")[0] for line in lines}
    assert names == ours | {"LINES", "b", "PATH", "HOSTNAME", "HOME"}


async def test_a_result_comes_out_and_the_params_go_in(rig: Rig) -> None:
    order = rig.order(
        "sh", "-c", 'cat /noonmark/params.json > "$NOONMARK_OUTPUT_DIR/result.json"', params=b'{"a":1}'
    )
    assert await rig.carry_out(order) == SUCCEEDED
    assert json.loads((order.folder / "out" / "result.json").read_bytes()) == {"a": 1}


async def test_the_working_directory_is_the_ordered_one(rig: Rig) -> None:
    assert await rig.carry_out(rig.order("sh", "-c", "pwd", working_directory="/tmp")) == SUCCEEDED
    assert rig.printed.out == "/tmp\n"


@pytest.mark.parametrize(
    ("named", "user"),
    [
        ("", "65534:65534"),
        ("root", "65534:65534"),
        ("0:0", "65534:65534"),
        ("1234", "1234:1234"),
        ("12:34", "12:34"),
    ],
)
async def test_nobody_is_root(rig: Rig, named: str, user: str) -> None:
    rig.daemon.make_image("noonmark/user:1", f"USER {named or '0'}")
    script = 'echo "$(id -u):$(id -g)"; touch "$NOONMARK_OUTPUT_DIR/mine"'
    assert await rig.carry_out(rig.order("sh", "-c", script, image="noonmark/user:1")) == SUCCEEDED
    assert rig.printed.out == f"{user}\n"


@pytest.fixture
def unprivileged(engine: Daemon) -> Iterator[Path]:
    """While it lasts we are somebody who may speak to the engine; the folder is theirs."""
    folder = Path(tempfile.mkdtemp(prefix="noonmark-unprivileged-"))
    os.chown(folder, 1234, 1234)
    engine.socket.parent.chmod(0o711)
    engine.socket.chmod(0o666)
    os.setegid(1234)
    os.seteuid(1234)
    yield folder
    os.seteuid(0)
    os.setegid(0)
    shutil.rmtree(folder)


async def test_what_a_job_leaves_can_be_removed_by_a_scheduler_that_is_not_root(
    engine: Daemon, unprivileged: Path
) -> None:
    rig = Rig(engine, unprivileged)
    order = rig.order("sh", "-c", "id -u; mkdir -m 700 /noonmark/out/deep; touch /noonmark/out/deep/file")
    assert await rig.carry_out(order) == SUCCEEDED
    assert rig.printed.out == "1234\n"
    shutil.rmtree(order.folder)
    await rig.runtime.close()


async def test_it_has_no_capability_and_can_gain_none(rig: Rig) -> None:
    assert await rig.shell("cat /proc/self/status") == SUCCEEDED
    status = dict(line.split(":\t", 1) for line in rig.printed.out.splitlines() if ":\t" in line)
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"


async def test_it_writes_to_its_folder_and_to_a_small_tmp_alone(rig: Rig) -> None:
    script = """
        for place in / /etc /bin /noonmark /noonmark/params.json; do
          touch "$place/x" 2>/dev/null && echo "wrote $place"
        done
        echo x 2>/dev/null > /noonmark/params.json && echo "wrote params"
        touch /tmp/x /noonmark/out/x && echo "wrote own"
        head -c 100000000 /dev/zero > /tmp/big 2>/dev/null || echo "tmp is full"
    """
    assert await rig.shell(script) == SUCCEEDED
    assert rig.printed.out == "wrote own\ntmp is full\n"


async def test_nothing_of_the_host_is_mounted_but_its_own_folder(rig: Rig) -> None:
    order = rig.order("cat", "/proc/self/mountinfo")
    assert await rig.carry_out(order) == SUCCEEDED
    # The fourth is the place within the mounted file system, the fifth that inside.
    lines = [line.split() for line in rig.printed.out.splitlines()]
    assert {fields[4] for fields in lines if str(order.folder.name) in fields[3]} == {
        "/noonmark/out",
        "/noonmark/params.json",
    }
    assert not any("docker.sock" in line for line in rig.printed.out.splitlines())


async def test_there_is_no_network_unless_it_is_ordered(engine: Daemon, rig: Rig, tmp_path: Path) -> None:
    assert await rig.shell("cat /proc/net/dev; cat /proc/net/route") == SUCCEEDED
    assert [line.split(":")[0].strip() for line in rig.printed.out.splitlines() if ":" in line] == ["lo"]

    networked = Rig(engine, tmp_path, network="host")
    assert await networked.carry_out(networked.order("cat", "/proc/net/dev", network=True)) == SUCCEEDED
    devices = {line.split(":")[0].strip() for line in networked.printed.out.splitlines() if ":" in line}
    assert devices == set(os.listdir("/sys/class/net"))
    await networked.runtime.close()


async def test_a_network_that_the_operator_does_not_give_is_refused(rig: Rig) -> None:
    assert (await rig.carry_out(rig.order("true", network=True))).how is Ending.NOT_STARTED


async def test_more_memory_than_its_limit_is_told_as_such(rig: Rig) -> None:
    end = await rig.shell(
        "x=$(head -c 200000000 /dev/zero | tr '\\0' a); echo done", limits=Limits(memory_mb=64)
    )
    assert end == Exit(how=Ending.OUT_OF_MEMORY, code=137)


async def test_it_cannot_have_more_processes_than_its_limit(rig: Rig) -> None:
    script = "for n in $(seq 30); do sleep 100 & done; echo all"
    end = await rig.shell(script, limits=Limits(pids=10))
    assert end != SUCCEEDED
    assert "all" not in rig.printed.out


async def test_its_cpus_are_limited(rig: Rig) -> None:
    script = "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cat /sys/fs/cgroup/cpu.max"
    assert await rig.shell(script, limits=Limits(cpus=0.5)) == SUCCEEDED
    assert rig.printed.out.split()[0] == "50000"


async def test_limits_that_the_host_cannot_give_are_named(rig: Rig) -> None:
    end = await rig.shell("true", limits=Limits(cpus=10_000))
    assert end.how is Ending.NOT_STARTED
    assert "CPUs" in end.message


async def test_no_such_program_is_not_a_failure_of_a_program(rig: Rig) -> None:
    end = await rig.carry_out(rig.order("nosuch", "--help"))
    assert end.how is Ending.NOT_STARTED
    assert (await rig.shell("exit 127")) == Exit(how=Ending.EXITED, code=127)


async def test_a_signal_that_was_not_ours_is_told(rig: Rig) -> None:
    assert await rig.shell("kill -SEGV $$") == Exit(how=Ending.SIGNALLED, code=139)


async def test_ten_megabytes_of_errors_and_one_long_line_come_out_whole(rig: Rig) -> None:
    script = "head -c 10000000 /dev/zero | tr '\\0' e >&2; head -c 1000000 /dev/zero | tr '\\0' o"
    assert await rig.shell(script) == SUCCEEDED
    assert (len(rig.printed.out), len(rig.printed.err)) == (1_000_000, 10_000_000)


async def test_nothing_printed_is_written_to_the_hosts_disk(rig: Rig) -> None:
    work = await rig.begin(
        rig.order("sh", "-c", "yes | head -c 5000000; echo; echo all; sleep 100", grace_seconds=0)
    )
    await rig.until_printed("all")
    data = rig.daemon.socket.parent / "data" / "containers"
    assert sum(file.stat().st_size for file in data.rglob("*") if file.is_file()) < 100_000
    await work.stop()
    await work.wait()


async def test_a_volume_of_the_image_goes_with_the_container(rig: Rig) -> None:
    rig.daemon.make_image("noonmark/volume:1", "VOLUME /data")
    assert await rig.carry_out(rig.order("true", image="noonmark/volume:1")) == SUCCEEDED
    assert rig.daemon.volumes() == []


async def test_a_folder_that_the_engine_does_not_see_is_an_error_of_ours(rig: Rig) -> None:
    order = rig.order("true")
    # A path that leads each process somewhere else.
    opened = os.open(order.folder, os.O_RDONLY)
    os.dup2(opened, 900)
    order = msgspec.structs.replace(order, folder=Path("/proc/self/fd/900"))
    with pytest.raises(EngineError, match="bind source path does not exist"):
        await rig.runtime.start(order, rig.printed)
    os.close(900)
    os.close(opened)
