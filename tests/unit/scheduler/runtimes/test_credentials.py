"""Credentials of registries, out of the file that `docker login` writes."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from scheduler.runtimes.docker import credentials
from scheduler.runtimes.docker.credentials import CredentialsBroken

SECRET = "s3cret:with:colons"
AUTH = base64.b64encode(f"ada:{SECRET}".encode()).decode()


def written(folder: Path, auths: dict[str, Any], **more: Any) -> Path:
    file = folder / "config.json"
    file.write_text(json.dumps({"auths": auths, **more}))
    return file


def test_a_registry_has_its_own(tmp_path: Path) -> None:
    file = written(tmp_path, {"registry.example:5000": {"auth": AUTH}, "other.example": {"auth": "eDp5"}})
    assert credentials.of(file, "registry.example:5000") == {
        "username": "ada",
        "password": SECRET,
        "serveraddress": "registry.example:5000",
    }
    assert credentials.of(file, "registry.example") is None
    assert credentials.of(None, "registry.example:5000") is None


@pytest.mark.parametrize(
    ("name", "registry"),
    [
        ("https://index.docker.io/v1/", "docker.io"),
        ("docker.io", "docker.io"),
        ("https://registry.example", "registry.example"),
        ("registry.example/v2/", "registry.example"),
        ("Registry.Example", "registry.example"),
    ],
)
def test_registries_are_named_in_several_ways(tmp_path: Path, name: str, registry: str) -> None:
    found = credentials.of(written(tmp_path, {name: {"auth": AUTH}}), registry)
    assert found is not None
    assert found["username"] == "ada"


def test_other_forms_are_understood(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        {"a.example": {"username": "ada", "password": "p"}, "b.example": {"identitytoken": "t"}},
        credsStore="desktop",
    )
    assert credentials.of(file, "a.example") == {
        "username": "ada", "password": "p", "serveraddress": "a.example",
    }  # fmt: skip
    assert credentials.of(file, "b.example") == {"identitytoken": "t", "serveraddress": "b.example"}


@pytest.mark.parametrize("content", ["", "{", '{"auths": 1}', '{"auths": {"a": {"auth": 5}}}', "\xff"])
def test_a_file_that_is_none_is_said_without_what_it_holds(tmp_path: Path, content: str) -> None:
    file = tmp_path / "config.json"
    file.write_text(content)
    with pytest.raises(CredentialsBroken, match="docker login"):
        credentials.read(file)


def test_a_credential_that_is_none_does_not_show(tmp_path: Path) -> None:
    file = written(tmp_path, {"a.example": {"auth": f"{SECRET}!"}})
    with pytest.raises(CredentialsBroken) as raised:
        credentials.of(file, "a.example")
    assert SECRET not in str(raised.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(CredentialsBroken, match="No such file"):
        credentials.read(tmp_path / "none.json")
