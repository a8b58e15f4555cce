"""Where jobctl talks to, and as whom: flag before environment before file."""

import stat
from pathlib import Path

import pytest
import respx

from noonmark.command import configuration
from noonmark.command.configuration import Credentials
from tests.unit.noonmark.answers import ID, URL, job
from tests.unit.noonmark.command.conftest import Jobctl

FILE = Credentials(url=URL, token="nm_file", token_id=ID)


@pytest.fixture
def asked(server: respx.MockRouter) -> respx.Route:
    return server.get(f"/v1/jobs/{ID}").respond(json=job())


def credential(asked: respx.Route) -> str:
    return str(asked.calls.last.request.headers["authorization"]).removeprefix("Bearer ")


def test_the_file_is_used_when_nothing_else_says(anybody: Jobctl, asked: respx.Route) -> None:
    configuration.store(FILE)
    assert anybody("status", ID).exit_code == 0
    assert credential(asked) == "nm_file"


def test_the_environment_is_before_the_file(
    anybody: Jobctl, asked: respx.Route, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration.store(FILE)
    monkeypatch.setenv("NOONMARK_TOKEN", "nm_environment")
    anybody("status", ID)
    assert credential(asked) == "nm_environment"


def test_a_flag_is_before_the_environment(
    anybody: Jobctl, asked: respx.Route, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration.store(FILE)
    monkeypatch.setenv("NOONMARK_TOKEN", "nm_environment")
    monkeypatch.setenv("NOONMARK_URL", "http://elsewhere.test")
    anybody("status", ID, "--token", "nm_flag", "--url", URL)
    assert credential(asked) == "nm_flag"


def test_another_server_is_not_handed_the_token_of_this_one(
    anybody: Jobctl, server: respx.MockRouter
) -> None:
    configuration.store(Credentials(url="http://other.test", token="nm_other"))
    result = anybody("status", ID, "--url", URL)
    assert result.exit_code == 4
    assert "nobody is signed in here" in result.stderr
    assert not server.calls


def test_the_file_is_its_owners_alone(home: Path) -> None:
    configuration.store(FILE)
    path = home / "noonmark" / "credentials.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["credentials.json"]


def test_a_file_that_login_did_not_write_is_named(anybody: Jobctl, home: Path) -> None:
    configuration.store(FILE)
    configuration.path().write_text("[]")
    result = anybody("status", ID)
    assert result.exit_code == 1
    assert str(configuration.path()) in result.stderr


def test_an_address_that_is_none_is_a_mistake_of_typing(anybody: Jobctl) -> None:
    assert anybody("status", ID, "--url", "localhost:8080").exit_code == 2


def test_what_is_kept_does_not_show_in_a_repr() -> None:
    assert "nm_file" not in repr(FILE) + repr(configuration.resolve(None, "nm_file"))
