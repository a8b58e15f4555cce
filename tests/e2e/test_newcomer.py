"""The README's first commands, as a newcomer gives them."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from tests.integration.local.processes import gone, tree_of
from tests.waiting import block_until

_ROOT = Path(__file__).parents[2]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Of somebody who has nothing yet."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return kept | {"HOME": str(tmp_path), "PORT": "0", "NOONMARK_DATA_DIR": str(tmp_path / "data")}


@pytest.mark.promise(12)
@pytest.mark.timeout(180)
def test_one_command_shows_signed_webhooks_arrive(environment: dict[str, str]) -> None:
    done = subprocess.run(
        ["make", "demo"], cwd=_ROOT, env=environment, capture_output=True, text=True, timeout=170, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"arrived +\d+ ms late, signature verified", done.stdout)) == 5
    assert "5 of 5 succeeded" in done.stdout


@pytest.fixture
def told(environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """What `make up` says, while it is up."""
    said = tmp_path / "said"
    with said.open("w") as out:
        up = subprocess.Popen(["make", "up"], cwd=_ROOT, env=environment, stdout=out, stderr=out)
    try:
        block_until(
            lambda: "stop with Ctrl-C" in said.read_text() or up.poll() is not None,
            within=120,
            what="everything is up",
        )
        yield said.read_text()
    finally:
        started = tree_of(up.pid)
        up.terminate()
        up.wait()
        assert gone(started, within=30)


@pytest.mark.timeout(180)
def test_every_line_to_try_next_works_when_it_is_pasted(told: str, environment: dict[str, str]) -> None:
    *commands, watching = re.findall(r"^  (\S.*)$", told.partition("try next:")[2], re.MULTILINE)
    assert len(commands) == 4, told
    for command in commands:
        done = subprocess.run(
            command, shell=True, cwd=_ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (command, done.stderr)
        assert "/mine" in done.stdout or "Signed in" in done.stderr, command
    assert [" verified " in line for line in _watched(watching) if " /mine " in line] == [True, True]


def _watched(command: str) -> list[str]:
    """The receiver's first lines, as they come: what it is, five jobs of the story, two of ours."""
    with subprocess.Popen(
        command, shell=True, cwd=_ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as tail:
        assert tail.stdout is not None
        lines = list(islice(tail.stdout, 8))
        os.killpg(tail.pid, signal.SIGTERM)
    return lines
