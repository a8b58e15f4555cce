"""Where a video stands, and its download: what is there before it is encoded, after, and for others."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from core import ids
from core.artifacts import store as artifacts
from core.artifacts.model import Kept, Wanted, key
from core.artifacts.store import Attempt
from core.db import Database
from core.jobs.model import Lease, Outcome
from core.settings import Settings
from core.storage.model import Stored
from core.storage.service import open_storage
from tests.integration.app.videos.forms import CLIP, claim, settle, tell, video

ENCODED = b"encoded " * 1000


async def leave(
    database: Database, settings: Settings, lease: Lease, name: str = "video.mp4", content: bytes = ENCODED
) -> None:
    """As a scheduler keeps what an attempt left."""
    attempt, file = Attempt(lease.job_id, lease.attempt, lease.lease_token), ids.new()

    async def pieces() -> AsyncIterator[bytes]:
        yield content

    async with database.raw() as db:
        await artifacts.reserve(db, attempt, [Wanted(file, name, len(content), "video/mp4")], quota=2**40)
        stored = await open_storage(settings).put(
            key(lease.tenant_id, lease.job_id, file), pieces(), limit=len(content)
        )
        assert isinstance(stored, Stored)
        assert await artifacts.keep(db, attempt, [Kept(file, stored.sha256)], dropped=[], lost=None)


async def encoded(me: httpx.AsyncClient, database: Database, settings: Settings, **given: Any) -> str:
    """The id of a video that is encoded."""
    made = await video(me, **given)
    lease = await claim(database)
    await leave(database, settings, lease, f"video.{made['format']}")
    await settle(database, lease)
    return str(made["id"])


async def status(me: httpx.AsyncClient, id: str) -> dict[str, Any]:
    answer = await me.get(f"/v1/videos/{id}/status")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_video_that_waits_has_nothing_to_download(me: httpx.AsyncClient) -> None:
    made = await video(me)
    found = await status(me, made["id"])
    assert found == made
    assert (found["progress"], found["output_filename"], found["download_url"]) == (None, None, None)
    answer = await me.get(f"/v1/videos/{made['id']}/download")
    assert (answer.status_code, answer.json()["code"]) == (409, "video_not_encoded")


async def test_progress_is_that_of_the_attempt_under_way(me: httpx.AsyncClient, database: Database) -> None:
    made = await video(me)
    lease = await claim(database)
    assert (await status(me, made["id"]))["progress"] is None
    async with database.raw() as db:
        for done in (10, 42):
            await tell(db, lease.job_id, attempt=1, done=done)
        await tell(db, lease.job_id, attempt=2, done=1)
    found = await status(me, made["id"])
    assert (found["state"], found["progress"]) == ("running", 42)


async def test_an_encoded_video_is_named_and_can_be_downloaded(
    me: httpx.AsyncClient, database: Database, settings: Settings
) -> None:
    id = await encoded(me, database, settings, quality="1080p", name="Ferien Zürich.mov")
    found = await status(me, id)
    assert (found["state"], found["progress"]) == ("succeeded", 100)
    assert found["output_filename"] == "Ferien Zürich-1080p.mp4"
    assert found["output_size"] == len(ENCODED)
    answer = await me.get(found["download_url"])
    assert (answer.status_code, answer.content) == (200, ENCODED)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"Ferien Z_rich-1080p.mp4\"; filename*=UTF-8''Ferien%20Z%C3%BCrich-1080p.mp4"
    )


async def test_a_part_of_it_can_be_downloaded(
    me: httpx.AsyncClient, database: Database, settings: Settings
) -> None:
    id = await encoded(me, database, settings)
    url = f"/v1/videos/{id}/download"
    answer = await me.get(url, headers={"Range": "bytes=8-15"})
    assert (answer.status_code, answer.content) == (206, ENCODED[8:16])
    assert answer.headers["content-range"] == f"bytes 8-15/{len(ENCODED)}"
    beyond = await me.get(url, headers={"Range": "bytes=9999999-"})
    assert (beyond.status_code, beyond.json()["code"]) == (416, "range_not_satisfiable")


async def test_a_video_called_like_its_result_is_not_taken_for_it(
    me: httpx.AsyncClient, database: Database, settings: Settings
) -> None:
    id = await encoded(me, database, settings, name="video.mp4")
    assert (await me.get(f"/v1/videos/{id}/download")).content == ENCODED


async def test_a_video_whose_file_was_lost_has_nothing_to_download(
    me: httpx.AsyncClient, database: Database
) -> None:
    made = await video(me, name="video.mp4")
    await settle(database, await claim(database))
    assert (await status(me, made["id"]))["download_url"] is None
    assert (await me.get(f"/v1/videos/{made['id']}/download")).status_code == 404


async def test_a_video_that_could_not_be_encoded_says_why(me: httpx.AsyncClient, database: Database) -> None:
    made = await video(me)
    why = "this cannot be encoded: it has no picture"
    await settle(database, await claim(database), Outcome.FAILED, error_code="exited", error_message=why)
    found = await status(me, made["id"])
    assert (found["state"], found["progress"]) == ("failed", None)
    assert found["last_error"] == {"code": "exited", "message": why}
    answer = await me.get(f"/v1/videos/{made['id']}/download")
    assert (answer.status_code, "has failed" in answer.json()["detail"]) == (409, True)


async def test_what_belongs_to_somebody_else_is_not_there(
    me: httpx.AsyncClient, theirs: dict[str, str], database: Database, settings: Settings
) -> None:
    id = await encoded(me, database, settings)
    for path in (f"/v1/videos/{id}/status", f"/v1/videos/{id}/download"):
        assert (await me.get(path, headers=theirs)).status_code == 404


@pytest.mark.parametrize(
    "target", [{"url": "https://example.com/"}, {"type": "function", "function": "echo@1"}]
)
async def test_another_job_is_no_video(me: httpx.AsyncClient, target: dict[str, str]) -> None:
    job = (await me.post("/v1/jobs", json={"target": target})).json()["id"]
    for id in (job, uuid4()):
        assert (await me.get(f"/v1/videos/{id}/status")).status_code == 404
        assert (await me.get(f"/v1/videos/{id}/download")).status_code == 404


async def test_an_erased_video_is_gone(me: httpx.AsyncClient, database: Database, settings: Settings) -> None:
    id = await encoded(me, database, settings)
    assert (await me.post(f"/v1/jobs/{id}/erase")).status_code == 204
    assert (await me.get(f"/v1/videos/{id}/status")).status_code == 404
    async with database.raw() as db:
        left = await db.fetchval("SELECT count(*) FROM artifacts WHERE deleted_at IS NULL")
    assert left == 0


async def test_a_replay_encodes_the_same_file_again(me: httpx.AsyncClient, database: Database) -> None:
    made = await video(me)
    first = await claim(database)
    await settle(database, first, Outcome.FAILED)
    again = (await me.post(f"/v1/jobs/{made['id']}/replay")).json()["id"]
    second = await claim(database)
    assert (str(second.job_id), second.target, second.timeout_seconds) == (again, first.target, 7200)
    found = await status(me, again)
    assert (found["state"], found["input_file"]) == ("running", made["input_file"])
    assert len(CLIP) == found["input_file"]["size"]
    assert UUID(found["id"]) != UUID(made["id"])
