"""`jobctl` runs the command in this process, signed in at a server that answers what a test says."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import respx
from click.testing import CliRunner, Result

from noonmark.command.console import Console
from noonmark.command.main import program
from tests.unit.noonmark.answers import URL

Jobctl = Callable[..., Result]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config folder of its own, and nothing in the environment that the test did not put there."""
    for name in ("NOONMARK_URL", "NOONMARK_TOKEN", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def server() -> Iterator[respx.MockRouter]:
    with respx.mock(base_url=URL, assert_all_called=False) as router:
        yield router


@pytest.fixture
def anybody() -> Jobctl:
    """jobctl for whom nothing is configured."""

    def invoke(*arguments: str, typed: str | None = None, obj: Console | None = None) -> Result:
        console = obj or Console(sleep=lambda _: None)
        return CliRunner().invoke(program, list(arguments), input=typed, obj=console, prog_name="jobctl")

    return invoke


@pytest.fixture
def jobctl(anybody: Jobctl, monkeypatch: pytest.MonkeyPatch) -> Jobctl:
    """jobctl with a server and a token in the environment."""
    monkeypatch.setenv("NOONMARK_URL", URL)
    monkeypatch.setenv("NOONMARK_TOKEN", "nm_t")
    return anybody
