"""Sending a video: what is kept, what is made of it, and of what is refused nothing stays."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest

from core.artifacts.model import key
from core.db import Database
from core.definitions import store as definitions
from core.definitions.model import Function
from core.jobs import videos
from core.jobs.targets import FunctionTarget
from core.settings import Settings
from core.storage.service import open_storage
from reaper.artifacts import ArtifactSweep
from tests.integration.app.videos.forms import CLIP, URL, claim, form, send, video


async def swept(database: Database, settings: Settings) -> None:
    await ArtifactSweep(database, open_storage(settings)).once()


def files(kept: Path) -> list[Path]:
    return [path for path in kept.rglob("*") if path.is_file()]


async def used(database: Database) -> int:
    async with database.raw() as db:
        return int(await db.fetchval("SELECT coalesce(sum(bytes), 0) FROM artifact_usage"))


async def jobs(database: Database) -> int:
    async with database.raw() as db:
        return int(await db.fetchval("SELECT count(*) FROM jobs"))


async def test_a_video_is_a_job_that_waits(me: httpx.AsyncClient) -> None:
    answer = await send(me, quality="1080p", format="webm", priority="10")
    made = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/videos/{made['id']}/status"
    assert (made["state"], made["quality"], made["format"]) == ("queued", "1080p", "webm")
    assert made["input_file"] == {
        "name": "holiday.mov",
        "size": len(CLIP),
        "sha256": hashlib.sha256(CLIP).hexdigest(),
    }
    job = (await me.get(f"/v1/jobs/{made['id']}")).json()
    assert job["target"] == {
        "type": "function",
        "function": "encode.video@1",
        "params": {"quality": "1080p", "format": "webm", "input": "holiday.mov"},
    }
    assert (job["priority"], job["timeout_seconds"], job["retry"]["max_attempts"]) == (10, 7200, 2)


async def test_videos_of_all_tenants_wait_in_lanes_that_share_one_limit(
    me: httpx.AsyncClient, theirs: dict[str, str], database: Database
) -> None:
    """VID-04."""
    encode = Function(
        key="encode.video", version=1, description="", timeout_seconds=7200, max_attempts=2, concurrency=3,
        params_schema=None,
    )  # fmt: skip
    async with database.raw() as db:
        await definitions.publish(db, [encode])
    sent = [(await send(me)).json()["id"]]
    me.headers.update(theirs)
    sent.append((await send(me)).json()["id"])
    async with database.raw() as db:
        lanes = await db.fetch(
            "SELECT q.name, q.shares, l.max_concurrency FROM jobs j JOIN queues q ON q.id = j.queue_id "
            "JOIN limits l ON l.id = q.shares WHERE j.id = ANY($1::uuid[])",
            sent,
        )
    assert [(lane[0], lane[2]) for lane in lanes] == [("function:encode.video@1", 3)] * 2
    assert len({lane[1] for lane in lanes}) == 1


async def test_what_was_sent_is_kept_to_the_byte_and_named_to_the_scheduler(
    me: httpx.AsyncClient, database: Database, settings: Settings
) -> None:
    await video(me, name="../../etc/holiday.mov")
    lease = await claim(database)
    target = msgspec.json.decode(lease.target, type=FunctionTarget)
    assert target.input is not None
    assert (target.input.name, target.input.size) == ("holiday.mov", len(CLIP))
    place = key(lease.tenant_id, target.input.job, target.input.artifact)
    pieces = await open_storage(settings).get(place)
    assert pieces is not None
    assert b"".join([piece async for piece in pieces]) == CLIP
    assert (lease.timeout_seconds, target.output_mb) == (7200, 512)


async def test_quality_and_format_have_defaults(me: httpx.AsyncClient) -> None:
    made = await video(me)
    assert (made["quality"], made["format"]) == ("720p", "mp4")


async def test_what_was_sent_is_charged_as_what_it_is(me: httpx.AsyncClient, database: Database) -> None:
    await video(me)
    assert await used(database) == len(CLIP)


async def test_the_file_is_one_of_the_jobs_files(me: httpx.AsyncClient) -> None:
    made = await video(me)
    [file] = (await me.get(f"/v1/jobs/{made['id']}/artifacts")).json()["items"]
    assert (file["name"], file["size"], file["attempt"]) == ("holiday.mov", len(CLIP), None)


@pytest.mark.parametrize(
    ("content", "fields", "status", "code"),
    [
        (None, {}, 400, "no_file"),
        (b"", {}, 400, "no_file"),
        (b"just a text", {}, 415, "unsupported_media_type"),
        (b"#EXTM3U\nfile:///etc/passwd\n", {}, 415, "unsupported_media_type"),
        (CLIP, {"quality": "../../x"}, 422, "validation_failed"),
        (CLIP, {"format": "mkv"}, 422, "validation_failed"),
        (CLIP, {"priority": "101"}, 422, "validation_failed"),
        (CLIP, {"path": "/etc"}, 422, "validation_failed"),
    ],
    ids=str,
)
async def test_of_what_is_refused_nothing_stays(
    me: httpx.AsyncClient,
    database: Database,
    settings: Settings,
    kept: Path,
    content: bytes | None,
    fields: dict[str, str],
    status: int,
    code: str,
) -> None:
    answer = await send(me, content, **fields)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    await swept(database, settings)
    assert (files(kept), await used(database), await jobs(database)) == ([], 0, 0)


async def test_every_fault_of_a_form_is_told_at_its_place(me: httpx.AsyncClient) -> None:
    faults = (await send(me, quality="8k", format="gif")).json()["errors"]
    assert {fault["pointer"]: fault["code"] for fault in faults} == {
        "/quality": "not_allowed",
        "/format": "not_allowed",
    }


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"{}", {"Content-Type": "application/json"}),
        (b"x", {"Content-Type": "multipart/form-data"}),
        (b"x", {}),
    ],
)
async def test_another_kind_of_body_is_not_taken(
    me: httpx.AsyncClient, content: bytes, headers: dict[str, str]
) -> None:
    answer = await me.post(URL, content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_what_breaks_off_is_refused_and_does_not_stay(
    me: httpx.AsyncClient, database: Database, settings: Settings, kept: Path
) -> None:
    whole = b'--b\r\nContent-Disposition: form-data; name="video"; filename="a.mp4"\r\n\r\n' + CLIP
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = await me.post(URL, content=whole, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    await swept(database, settings)
    assert (files(kept), await used(database)) == ([], 0)


class Endless:
    """A video without an end, and how much of it was taken."""

    def __init__(self) -> None:
        self.taken = 0

    async def pieces(self) -> AsyncIterator[bytes]:
        yield CLIP
        while True:
            self.taken += 10_000
            yield b"\0" * 10_000


async def test_what_is_too_large_is_cut_off_while_it_arrives(
    me: httpx.AsyncClient, database: Database, settings: Settings, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(videos, "LARGEST", 1_000_000)
    endless = Endless()
    body, headers = form(endless.pieces())
    answer = await me.post(URL, content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
    assert endless.taken < 2_000_000
    await swept(database, settings)
    assert (files(kept), await used(database), await jobs(database)) == ([], 0, 0)


async def test_what_says_that_it_is_too_large_is_not_even_begun(
    me: httpx.AsyncClient, database: Database, kept: Path
) -> None:
    endless = Endless()
    body, headers = form(endless.pieces())
    announced = headers | {"Content-Length": str(501 * 1024 * 1024)}
    answer = await me.post(URL, content=body, headers=announced)
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
    assert (endless.taken, files(kept)) == (0, [])


async def test_a_tenant_whose_files_are_full_is_told_so(
    me: httpx.AsyncClient, database: Database, kept: Path
) -> None:
    await video(me)
    async with database.raw() as db:
        await db.execute("UPDATE artifact_usage SET bytes = 10240::bigint * 1024 * 1024")
    answer = await send(me)
    assert (answer.status_code, answer.json()["code"]) == (409, "artifact_quota_reached")
    assert len(files(kept)) == 1


async def test_the_same_request_by_its_key_is_the_same_video(
    me: httpx.AsyncClient, database: Database, settings: Settings, kept: Path
) -> None:
    first = await send(me, key="k1", quality="4k")
    again = await send(me, key="k1", quality="4k")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["id"] == first.json()["id"]
    await swept(database, settings)
    assert (len(files(kept)), await used(database), await jobs(database)) == (1, len(CLIP), 1)


@pytest.mark.parametrize("other", [{"quality": "4k"}, {"content": CLIP + b"!"}, {"priority": "1"}], ids=str)
async def test_a_key_that_was_used_for_another_request_is_refused(
    me: httpx.AsyncClient, database: Database, settings: Settings, kept: Path, other: dict[str, str]
) -> None:
    await send(me, key="k1")
    answer = await send(me, key="k1", **other)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    await swept(database, settings)
    assert len(files(kept)) == 1


async def test_a_stranger_sends_nothing(api: httpx.AsyncClient, kept: Path) -> None:
    assert (await send(api)).status_code == 401
    assert files(kept) == []
