"""`make up` as a whole, with small programs in the servers' place: from nothing, and away again."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.local.processes import gone, python, tree_of

_SERVER = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
if sys.argv[1:] == ["migrate"]:
    sys.exit(os.environ.get("MIGRATION_FAILS"))
http.server.HTTPServer(("127.0.0.1", int(os.environ["{port}"])), Handler).serve_forever()
"""

# What nohup or a shell's & has made our own tests ignore must not be ignored by what they start.
_DRIVER = """
import signal
import sys
from pathlib import Path
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)
from local import up
from local.__main__ import ending
async def story(base_url, say, spawn):
    say("once upon a time")
    return sys.argv[3] == "good"
def command():
    return up.run(story, stays=sys.argv[2] == "stays", tree=Path(sys.argv[1]))
sys.exit(ending(command))
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("app", "scheduler", "reaper"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        port = "PORT" if name == "app" else "NOONMARK_METRICS_PORT"
        (tmp_path / name / "__main__.py").write_text(_SERVER.replace("{port}", port))
    (tmp_path / "driver.py").write_text(_DRIVER)
    return tmp_path


def _start(
    tree: Path, stays: str = "stays", story: str = "good", **environment: str
) -> subprocess.Popen[str]:
    ours = {"NOONMARK_DATA_DIR": str(tree / "data"), "PORT": "0", "DATABASE_URL": "", **environment}
    return python(tree / "driver.py", str(tree), stays, story, **ours)


def _until(process: subprocess.Popen[str], start: str) -> list[str]:
    assert process.stdout is not None
    seen: list[str] = []
    for line in process.stdout:
        seen.append(line.rstrip())
        if line.startswith(start):
            return seen
    raise AssertionError(f"never said {start!r}: {seen}")


@pytest.fixture
def serving(tree: Path) -> Iterator[subprocess.Popen[str]]:
    with _start(tree) as process:
        _until(process, "logs are in")
        yield process
        process.kill()


def test_it_says_what_is_up_then_ready_then_tells_the_story(tree: Path) -> None:
    with _start(tree, SCHEDULERS="2") as process:
        said = _until(process, "logs are in")
        process.send_signal(signal.SIGINT)
    assert said[0].startswith("PostgreSQL ")
    assert said[2].startswith("app, scheduler-1, scheduler-2, reaper serve")
    assert said[3].startswith("ready http://127.0.0.1:")
    assert said[4] == "once upon a time"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_asked_to_stop_it_ends_well_and_leaves_nothing(
    serving: subprocess.Popen[str], number: signal.Signals
) -> None:
    all_of_it = tree_of(serving.pid)
    assert len(all_of_it) > 5
    serving.send_signal(number)
    assert serving.wait(15) == 0
    assert gone(all_of_it, within=0.1)


def test_killed_it_leaves_nothing_ten_seconds_later(serving: subprocess.Popen[str]) -> None:
    all_of_it = tree_of(serving.pid)
    serving.kill()
    assert gone(all_of_it, within=10)


def test_a_second_one_on_the_folder_is_refused_and_the_first_goes_on(
    serving: subprocess.Popen[str], tree: Path
) -> None:
    with _start(tree) as second:
        _until(second, f"noonmark: another Noonmark is running on {tree / 'data'}")
        assert second.wait(10) == 1
    assert not gone(tree_of(serving.pid), within=0.1)


def test_a_database_that_dies_is_started_again(serving: subprocess.Popen[str], tree: Path) -> None:
    server = int((tree / "data" / "postgres" / "postmaster.pid").read_text().split()[0])
    os.kill(server, signal.SIGKILL)
    _until(serving, "PostgreSQL ended; starting it again")
    serving.send_signal(signal.SIGTERM)
    assert serving.wait(15) == 0


def test_it_stops_when_nobody_reads_what_it_says(tree: Path) -> None:
    with _start(tree) as process:
        _until(process, "logs are in")
        assert process.stdout is not None
        process.stdout.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0


def test_the_demo_ends_well_when_the_story_does(tree: Path) -> None:
    with _start(tree, "ends", "good") as process:
        assert process.wait(30) == 0


def test_the_demo_fails_when_the_story_does(tree: Path) -> None:
    with _start(tree, "ends", "bad") as process:
        assert process.wait(30) == 1


def test_a_migration_that_fails_is_shown_and_ends_it(tree: Path) -> None:
    with _start(tree, MIGRATION_FAILS="no such column") as process:
        _until(process, "noonmark: migrate ended with 1")
        _until(process, "no such column")
        assert process.wait(15) == 1


def test_a_given_database_is_used_and_none_is_started(tree: Path) -> None:
    with _start(tree, DATABASE_URL="postgresql://elsewhere") as process:
        said = _until(process, "logs are in")
        process.send_signal(signal.SIGTERM)
    assert not said[0].startswith("PostgreSQL")
    assert not (tree / "data" / "postgres").exists()
