"""Files by the two clients and by jobctl, against the API as it is."""

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

import noonmark
from tests.integration.noonmark.conftest import Jobctl

HOOK = "http://127.0.0.1:9/hook"
LATER = timedelta(hours=1)
CONTENT = bytes(range(256)) * 3000


async def test_a_file_goes_there_and_comes_back(client: noonmark.AsyncClient, tmp_path: Path) -> None:
    job = (await client.jobs.create(HOOK, delay=LATER)).id
    kept = await client.artifacts.upload(job, CONTENT, name="Übersicht 1.bin", content_type="a/b")
    assert (kept.size, kept.attempt, kept.content_type) == (len(CONTENT), None, "a/b")
    assert [one async for one in client.artifacts.list(job)] == [kept]
    path = await client.artifacts.download(job, "Übersicht 1.bin", to=tmp_path / "back")
    assert (path, path.read_bytes()) == (tmp_path / "back", CONTENT)
    assert sorted(os.listdir(tmp_path)) == ["back", "files"]
    link = await client.artifacts.link(job, "Übersicht 1.bin", expires_in=timedelta(minutes=1))
    assert "/v1/artifacts/" in link.url
    await client.artifacts.delete(job, "Übersicht 1.bin")
    assert [one async for one in client.artifacts.list(job)] == []


async def test_what_is_not_there_leaves_no_file(client: noonmark.AsyncClient, tmp_path: Path) -> None:
    job = (await client.jobs.create(HOOK, delay=LATER)).id
    with pytest.raises(noonmark.NotFound):
        await client.artifacts.download(job, "a", to=tmp_path / "a")
    assert os.listdir(tmp_path) == []


async def test_a_name_that_is_taken_is_told(client: noonmark.AsyncClient) -> None:
    job = (await client.jobs.create(HOOK, delay=LATER)).id
    await client.artifacts.upload(job, b"x", name="a")
    with pytest.raises(noonmark.Conflict) as told:
        await client.artifacts.upload(job, b"x", name="a")
    assert told.value.code == "artifact_exists"


async def test_jobctl_puts_lists_and_gets(jobctl: Jobctl, tmp_path: Path) -> None:
    job = (await jobctl("submit", HOOK, "--in", "1h", "-o", "id")).stdout.strip()
    (tmp_path / "report.pdf").write_bytes(CONTENT)
    put = await jobctl("artifacts", "put", job, str(tmp_path / "report.pdf"), "-o", "json")
    assert json.loads(put.stdout)["content_type"] == "application/pdf", put.stderr
    assert (await jobctl("artifacts", "list", job, "-o", "id")).stdout == "report.pdf\n"
    assert "768000" in (await jobctl("artifacts", "list", job)).stdout
    to = tmp_path / "back"
    got = await jobctl("artifacts", "get", job, "report.pdf", "--to", str(to))
    assert (got.exit_code, to.read_bytes()) == (0, CONTENT)
    again = await jobctl("artifacts", "get", job, "report.pdf", "--to", str(to))
    assert (again.exit_code, "already" in again.stderr) == (2, True)
    forced = await jobctl("artifacts", "get", job, "report.pdf", "--to", str(to), "--force")
    assert forced.exit_code == 0
    assert (await jobctl("artifacts", "get", job, "nothing", "--to", str(tmp_path / "c"))).exit_code == 3
