"""Forms with something like a video: it begins like one, and that is all that the API looks at."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx

from core.db import Database, Raw
from core.jobs import store as jobs
from core.jobs.model import Lease, Needs, Outcome
from tests.jobs import settlement

CLIP = b"\0\0\0\x20ftypisom" + bytes(range(256)) * 40
REPLICA = uuid4()
URL = "/v1/videos/encode"


async def send(
    api: httpx.AsyncClient,
    content: bytes | None = CLIP,
    *,
    name: str = "holiday.mov",
    key: str | None = None,
    **fields: str,
) -> httpx.Response:
    """The answer to a form."""
    headers = {"Idempotency-Key": key} if key is not None else {}
    files: Any = {"video": (name, content, "video/mp4")} if content is not None else {"none": ("", b"")}
    return await api.post(URL, data=fields, files=files, headers=headers)


async def video(api: httpx.AsyncClient, **given: Any) -> dict[str, Any]:
    """A new one."""
    answer = await send(api, **given)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def form(content: AsyncIterator[bytes]) -> tuple[AsyncIterator[bytes], dict[str, str]]:
    """A body that comes in pieces, with its headers."""

    async def body() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="video"; filename="a.mp4"\r\n\r\n'
        async for piece in content:
            yield piece
        yield b"\r\n--b--\r\n"

    return body(), {"Content-Type": "multipart/form-data; boundary=b"}


async def claim(database: Database) -> Lease:
    """The lease of the one video that waits."""
    async with database.raw() as db:
        [queue] = await db.fetch("SELECT DISTINCT queue_id FROM ready")
        [lease] = await jobs.claim(db, [(queue[0], 10, None)], replica=REPLICA, needs=[Needs.FUNCTION])
    return lease


async def settle(
    database: Database, lease: Lease, outcome: Outcome = Outcome.SUCCEEDED, **given: Any
) -> None:
    async with database.raw() as db:
        await jobs.settle(db, [settlement(lease, outcome, **given)])


async def tell(db: Raw, job: UUID, *, attempt: int, done: float) -> None:
    """As a scheduler tells how far it is."""
    await db.execute(
        """INSERT INTO events (id, job_id, tenant_id, kind, at, attempt, data)
           SELECT mint(clock_timestamp(), 0), id, tenant_id, 'progress', now(), $2,
                  jsonb_build_object('done', $3::float8, 'total', 100)
           FROM jobs WHERE id = $1""",
        job,
        attempt,
        done,
    )
