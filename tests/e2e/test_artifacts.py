"""Files of jobs through the whole installation: left by code, uploaded, downloaded, and gone in the end."""

import asyncio
import hashlib
import os
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import s3
from tests.e2e.fleet import CALM, Fleet
from tests.e2e.processes import Process
from tests.e2e.test_code import ended, shell, submit, tried
from tests.e2e.work import Work
from tests.waiting import wait_until

MIB = 1024 * 1024


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    return {**CALM, "NOONMARK_RUNTIMES": "process", "NOONMARK_DATA_DIR": str(tmp_path)}


@pytest.fixture
async def scheduler(fleet: Fleet, settings: Mapping[str, str]) -> AsyncIterator[Process]:
    async with fleet.scheduler(settings=settings) as process:
        yield process


@pytest.fixture
async def reaper(fleet: Fleet) -> AsyncIterator[Process]:
    async with fleet.reaper() as process:
        yield process


async def listed(api: httpx.AsyncClient, job: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await api.get(f"/v1/jobs/{job}/artifacts")).json()["items"]
    return items


async def waiting_job(work: Work) -> str:
    answer = await work.api.post("/v1/jobs", json=work.job() | {"delay_seconds": 3600})
    return str(answer.json()["id"])


def resident(process: Process) -> int:
    """The most memory a process has had, in bytes."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


async def test_what_a_command_leaves_is_its_jobs_files(scheduler: Process, work: Work) -> None:
    script = """cd "$NOONMARK_OUTPUT_DIR"; echo hello > a.txt; head -c 3000000 /dev/zero > b.bin
                echo 1 > result.json; ln -s /etc/passwd stolen; touch '..\\..\\up'"""
    job = await submit(work, shell(script))
    over = await ended(work, job)
    assert (over["state"], over["result"]) == ("succeeded", 1)
    found = {one["name"]: one for one in await listed(work.api, job)}
    assert {name: (one["attempt"], one["size"]) for name, one in found.items()} == {
        "a.txt": (1, 6), "b.bin": (1, 3_000_000),
    }  # fmt: skip
    assert found["b.bin"]["sha256"] == hashlib.sha256(bytes(3_000_000)).hexdigest()
    answer = await work.api.get(f"/v1/jobs/{job}/artifacts/b.bin", headers={"Range": "bytes=2999999-"})
    assert (answer.status_code, answer.content) == (206, b"\0")
    [attempt] = await tried(work, job)
    assert (attempt["outcome"], attempt["error"]["code"]) == ("succeeded", "artifacts_lost")
    events = (await work.api.get(f"/v1/jobs/{job}/events")).json()["items"]
    [lost] = [event["data"]["files"] for event in events if event["kind"] == "artifacts_lost"]
    assert {(one["name"], one["reason"]) for one in lost} == {
        ("stolen", "not_a_file"), ("..\\..\\up", "unsafe_name"),
    }  # fmt: skip


async def test_a_failed_attempt_keeps_its_files_too(scheduler: Process, work: Work) -> None:
    job = await submit(work, shell('echo "$NOONMARK_ATTEMPT" > "$NOONMARK_OUTPUT_DIR/log.txt"; exit 3'))
    assert (await ended(work, job))["state"] == "failed"
    assert [(one["name"], one["attempt"]) for one in await listed(work.api, job)] == [
        ("log.txt", 1), ("log.txt", 2),
    ]  # fmt: skip
    newest = await work.api.get(f"/v1/jobs/{job}/artifacts/log.txt")
    first = await work.api.get(f"/v1/jobs/{job}/artifacts/log.txt", params={"attempt": 1})
    assert (newest.text, first.text) == ("2\n", "1\n")


async def test_fifty_mebibytes_pass_through_the_api_in_pieces(fleet: Fleet, work: Work) -> None:
    size, piece = 50 * MIB, os.urandom(MIB)

    async def body() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield piece

    job = await waiting_job(work)
    async with fleet.app() as app:
        url = await app.address()
        async with fleet.client(url) as api:
            await upload(api, job, "warm", b"x" * 100_000)
            await api.get(f"/v1/jobs/{job}/artifacts/warm")
            before = resident(app)
            asked = await api.post(f"/v1/jobs/{job}/artifacts", json={"name": "big", "size": size})
            put = await api.put(asked.json()["url"], content=body())
            assert put.status_code == 204, put.text
            assert (await api.post(f"/v1/jobs/{job}/artifacts/big/confirm")).status_code == 200
            digest = hashlib.sha256()
            async with api.stream("GET", f"/v1/jobs/{job}/artifacts/big") as answer:
                async for part in answer.aiter_bytes():
                    digest.update(part)
            assert digest.digest() == hashlib.sha256(piece * 50).digest()
            assert resident(app) - before < 45 * MIB
            more = await api.post(f"/v1/jobs/{job}/artifacts", json={"name": "more", "size": size + 1})
            assert (more.status_code, more.json()["code"]) == (413, "payload_too_large")


async def test_who_hangs_up_in_the_middle_leaves_nothing(fleet: Fleet, work: Work) -> None:
    job = await waiting_job(work)
    asked = await work.api.post(f"/v1/jobs/{job}/artifacts", json={"name": "a", "size": 20 * MIB})
    url = httpx.URL(asked.json()["url"])
    _, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(fleet.url).port)
    head = f"PUT {url.raw_path.decode()} HTTP/1.1\r\nHost: x\r\nContent-Length: {20 * MIB}\r\n\r\n"
    writer.write(head.encode() + bytes(12 * MIB))
    await writer.drain()
    writer.close()
    kept = Path(fleet.folder, "storage")

    async def gone() -> bool:
        names = [name for _, _, names in os.walk(kept) for name in names]
        retried = await work.api.put(str(url), content=b"")
        return not [name for name in names if "#" in name] and retried.status_code == 422

    await wait_until(gone, within=20, what="the end of the half upload")
    assert (await work.api.put(str(url), content=bytes(20 * MIB))).status_code == 204


async def test_a_download_that_is_cut_off_goes_on_where_it_was(work: Work) -> None:
    job, content = await waiting_job(work), os.urandom(4 * MIB)
    await upload(work.api, job, "a", content)
    path = f"/v1/jobs/{job}/artifacts/a"
    got = b""
    async with work.api.stream("GET", path) as answer:
        etag = answer.headers["etag"]
        async for part in answer.aiter_bytes():
            got += part
            if len(got) > MIB:
                break
    rest = await work.api.get(path, headers={"Range": f"bytes={len(got)}-", "If-Range": etag})
    assert (rest.status_code, got + rest.content == content) == (206, True)


async def test_a_deleted_file_leaves_the_disk(fleet: Fleet, reaper: Process, work: Work) -> None:
    job = await waiting_job(work)
    await upload(work.api, job, "a", b"to be deleted")
    [path] = fleet.folder.glob(f"storage/*/{job}/*")
    assert (await work.api.delete(f"/v1/jobs/{job}/artifacts/a")).status_code == 204

    async def gone() -> bool:
        return not path.exists()

    await wait_until(gone, within=60, what="the file's end")


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.Server]:
    with s3.running(tmp_path_factory.mktemp("s3")) as started:
        yield started


@pytest.mark.heavy
async def test_an_api_and_a_scheduler_without_a_disk_in_common_share_a_bucket(
    fleet: Fleet, work: Work, bucket: s3.Server, tmp_path: Path
) -> None:
    shared = {"NOONMARK_STORAGE_URL": bucket.url, **bucket.environment, **CALM}
    ours = {"NOONMARK_RUNTIMES": "process", "NOONMARK_DATA_DIR": str(tmp_path / "scheduler")}
    theirs = {"NOONMARK_DATA_DIR": str(tmp_path / "api")}
    async with fleet.scheduler(settings=shared | ours), fleet.app(settings=shared | theirs) as app:
        job = await submit(work, shell('head -c 9000000 /dev/zero > "$NOONMARK_OUTPUT_DIR/a"'))
        assert (await ended(work, job))["last_error"] is None
        async with fleet.client(await app.address()) as api:
            answer = await api.get(f"/v1/jobs/{job}/artifacts/a")
            assert answer.content == bytes(9_000_000)
            await upload(api, job, "b", b"hello")
            assert (await api.get(f"/v1/jobs/{job}/artifacts/b")).text == "hello"


@pytest.mark.heavy
async def test_a_storage_that_is_away_costs_the_job_its_files_and_says_so(
    fleet: Fleet, work: Work, settings: Mapping[str, str]
) -> None:
    away = {
        "NOONMARK_STORAGE_URL": "s3://files?endpoint=http://127.0.0.1:9&region=eu-central-1",
        "AWS_ACCESS_KEY_ID": "canary-id",
        "AWS_SECRET_ACCESS_KEY": "canary-secret",
    }
    async with fleet.scheduler(settings={**settings, **away}) as scheduler:
        job = await submit(work, shell('env > "$NOONMARK_OUTPUT_DIR/environment"'), timeout_seconds=60)
        over = await ended(work, job, within=60)
        [attempt] = await tried(work, job)
        assert (over["state"], attempt["error"]["code"]) == ("succeeded", "artifacts_lost")
        assert "not_stored" in attempt["error"]["message"]
        assert "canary" not in scheduler.log.read_text()


async def upload(api: httpx.AsyncClient, job: str, name: str, content: bytes) -> None:
    """By the three steps."""
    asked = await api.post(f"/v1/jobs/{job}/artifacts", json={"name": name, "size": len(content)})
    put = await api.put(asked.json()["url"], content=content)
    assert put.status_code == 204, put.text
    assert (await api.post(f"/v1/jobs/{job}/artifacts/{name}/confirm")).status_code == 200
