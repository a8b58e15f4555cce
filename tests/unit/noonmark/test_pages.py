"""The pages of the client and of jobctl say what there is, and their programs run."""

import re
from pathlib import Path

import click
import pytest
import respx

import noonmark
from noonmark.command.main import program
from noonmark.options import Filter, Options
from tests.unit.noonmark.answers import encoded, file, job, page, video

ROOT = Path(__file__).parents[3]
CLIENT = (ROOT / "docs" / "client.md").read_text(encoding="utf-8")
JOBCTL = (ROOT / "docs" / "jobctl.md").read_text(encoding="utf-8")

PROGRAMS = re.findall(r"^```python\n(.*?)^```", CLIENT, re.DOTALL | re.MULTILINE)


def commands(group: click.Group, *before: str) -> list[str]:
    """Every command, as it is typed."""
    found = []
    for name, command in group.commands.items():
        found += (
            commands(command, *before, name)
            if isinstance(command, click.Group)
            else [" ".join((*before, name))]
        )
    return found


@pytest.mark.parametrize("text", PROGRAMS)
def test_a_program_of_the_page_runs(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("holiday.mov").write_bytes(b"a video")
    with respx.mock(base_url="http://127.0.0.1:8080", assert_all_called=False) as server:
        server.post("/v1/jobs").respond(201, json=job())
        server.get("/v1/jobs").respond(json=page(job()))
        server.post("/v1/videos/encode").respond(201, json=video())
        server.get(path__regex=r"/v1/videos/[^/]+/status").respond(json=encoded())
        server.get(path__regex=r"/v1/videos/[^/]+/download").mock(return_value=file(b"encoded"))
        server.post(path__regex=r"/v1/jobs/[^/]+/cancel").respond(json=job(state="cancelled"))
        exec(compile("import noonmark\n" + text.replace("nm_…", "nm_t"), "client.md", "exec"), {})
        assert server.calls


@pytest.mark.parametrize("option", [*sorted(Options.__annotations__), "idempotency_key"])
def test_an_option_is_on_the_page(option: str) -> None:
    assert f"\n| `{option}` |" in CLIENT


@pytest.mark.parametrize("name", sorted(Filter.__annotations__))
def test_a_filter_is_on_the_page(name: str) -> None:
    assert f"`{name}`" in CLIENT.split("Filters: ")[1].split("\n\n")[0]


@pytest.mark.parametrize(
    "noun",
    ["jobs", "artifacts", "videos", "queues", "definitions", "dead_letters", "tokens", "signing_secrets"],
)
def test_the_methods_of_a_noun_are_on_the_page_and_the_same_in_both_clients(noun: str) -> None:
    blocking = type(getattr(noonmark.Client(token="t"), noun))
    asynchronous = type(getattr(noonmark.AsyncClient(token="t"), noun))
    methods = [name for name in vars(blocking) if not name.startswith("_")]
    assert methods == [name for name in vars(asynchronous) if not name.startswith("_")]
    assert f"| `client.{noun}` | {' '.join(f'`{name}`' for name in methods)} |" in CLIENT


@pytest.mark.parametrize(
    "error", [name for name in noonmark.__all__ if isinstance(getattr(noonmark, name), type)]
)
def test_an_error_is_on_the_page(error: str) -> None:
    kind = getattr(noonmark, error)
    assert not issubclass(kind, noonmark.NoonmarkError) or f"`{error}`" in CLIENT


@pytest.mark.parametrize("command", commands(program))
def test_a_command_is_on_the_page(command: str) -> None:
    assert f"`jobctl {command}" in JOBCTL.split("## Commands")[1].split("\n## ")[0]


@pytest.mark.parametrize("command", sorted(set(re.findall(r"`jobctl ([a-z]+(?: [a-z-]+)?)", JOBCTL))))
def test_a_command_of_the_page_is_there(command: str) -> None:
    assert command in commands(program)
