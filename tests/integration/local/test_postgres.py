"""The embedded server: it keeps what it was given, belongs to one, and goes with whoever started it."""

import os
import pwd
import shutil
import signal
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from local import postgres, remains
from local.refusal import Refusal
from tests.integration.local.processes import gone, python

_HOLDER = """
import signal, sys
from pathlib import Path
from local import postgres
with postgres.running(Path(sys.argv[1])) as server:
    print(server.pid)
    signal.pause()
"""


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cluster that is only ever copied."""
    folder = tmp_path_factory.mktemp("cluster")
    with postgres.running(folder):
        pass
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "data", symlinks=True))


@pytest.fixture
def holder(folder: Path, tmp_path: Path) -> Iterator[tuple[int, int]]:
    """Another process that runs a server on `folder`: its pid, and the server's."""
    script = tmp_path / "holder.py"
    script.write_text(_HOLDER)
    with python(script, str(folder)) as process:
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())
        process.kill()


async def _ask(server: postgres.Postgres, question: str) -> object:
    connection = await asyncpg.connect(server.dsn)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def test_a_new_folder_becomes_a_server_that_answers(tmp_path: Path) -> None:
    with postgres.running(tmp_path / "data") as server:
        assert await _ask(server, "SELECT 6 * 7") == 42


async def test_what_was_committed_is_there_after_a_stop_and_a_start(folder: Path) -> None:
    with postgres.running(folder) as server:
        await _ask(server, "CREATE TABLE kept AS SELECT 1 AS one")
    with postgres.running(folder) as server:
        assert await _ask(server, "SELECT one FROM kept") == 1


async def test_nothing_of_durability_is_switched_off(folder: Path) -> None:
    with postgres.running(folder) as server:
        for setting in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums"):
            assert await _ask(server, f"SHOW {setting}") == "on"


async def test_settings_are_passed_on(folder: Path) -> None:
    with postgres.running(folder, settings={"max_connections": "17"}) as server:
        assert await _ask(server, "SHOW max_connections") == "17"


async def test_a_wrong_password_is_refused(folder: Path) -> None:
    with postgres.running(folder) as server, pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.dsn, password="guessed")


def test_only_the_owner_can_read_the_password(made: Path) -> None:
    assert stat.S_IMODE((made / "postgres" / "noonmark.password").stat().st_mode) == 0o600


def test_a_second_server_on_the_folder_is_refused_and_the_first_goes_on(
    folder: Path, holder: tuple[int, int]
) -> None:
    with pytest.raises(Refusal, match="another Noonmark is running on"), postgres.running(folder):
        pass
    assert not gone([holder[1]], within=0.2)


def test_when_its_starter_is_killed_nothing_of_it_stays(folder: Path, holder: tuple[int, int]) -> None:
    serving = remains.inside(folder / "postgres")
    assert len(serving) > 1
    os.kill(holder[0], signal.SIGKILL)
    assert gone(serving, within=10)


async def test_it_starts_again_right_after_its_starter_was_killed(
    folder: Path, holder: tuple[int, int]
) -> None:
    os.kill(holder[0], signal.SIGKILL)
    assert gone([holder[0]], within=5)
    with postgres.running(folder) as server:
        assert await _ask(server, "SELECT 1") == 1


async def test_it_starts_again_after_everything_was_killed_and_its_number_taken(
    folder: Path, holder: tuple[int, int]
) -> None:
    serving = remains.inside(folder / "postgres")
    for pid in (*serving, holder[0]):
        # The backends go by themselves once the first of them, the postmaster, is dead.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert gone([*serving, holder[0]], within=5)
    left = folder / "postgres" / "postmaster.pid"
    # The number now belongs to a process that lives, as happens in containers: here, to this one.
    left.write_text("\n".join([str(os.getpid()), *left.read_text().splitlines()[1:]]) + "\n")
    with postgres.running(folder) as server:
        assert await _ask(server, "SELECT 1") == 1


async def test_a_server_that_died_comes_back_on_its_port(folder: Path) -> None:
    with postgres.running(folder) as server:
        port, pid = server.port, server.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert gone([pid], within=5)
        server.start()
        assert server.port == port
        assert await _ask(server, "SELECT 1") == 1


def test_data_of_another_major_version_is_refused(folder: Path) -> None:
    (folder / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(Refusal, match="was made by PostgreSQL 9, this is"), postgres.running(folder):
        pass


def test_half_a_cluster_is_made_anew(tmp_path: Path) -> None:
    partial = tmp_path / "postgres.partial"
    partial.mkdir()
    (partial / "PG_VERSION").write_text("18\n")
    with postgres.running(tmp_path) as server:
        assert server.pid is not None
    assert not partial.exists()


def test_a_server_that_does_not_start_shows_its_log(folder: Path) -> None:
    wrong = {"no_such_setting": "1"}
    with pytest.raises(Refusal, match="no_such_setting"), postgres.running(folder, settings=wrong):
        pass


def test_programs_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="nowhere"), postgres.running(tmp_path, programs=Path("/nowhere")):
        pass


async def test_a_path_too_long_for_a_socket_serves_by_port(made: Path, tmp_path: Path) -> None:
    deep = tmp_path / ("long" * 25) / "data"
    shutil.copytree(made, deep)
    with postgres.running(deep) as server:
        assert await _ask(server, "SHOW unix_socket_directories") == ""


def test_closed_folders_above_stay_closed_and_passable(folder: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with postgres.running(folder) as server:
        assert server.pid is not None
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_the_owner_of_the_data_serves_it_below_folders_closed_to_him(folder: Path, tmp_path: Path) -> None:
    """Started by root; for anybody else the owner is whoever started it."""
    tmp_path.chmod(0o700)
    owner = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid()
    for path in (folder / "postgres", *(folder / "postgres").rglob("*")):
        os.chown(path, owner, -1)
    with postgres.running(folder) as server:
        assert Path(f"/proc/{server.pid}").stat().st_uid == owner
