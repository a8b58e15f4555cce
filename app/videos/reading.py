"""A video as it is now: its job, how far that is, and the file that came of it."""

from uuid import UUID

import msgspec

from app.artifacts import store as artifacts
from app.artifacts.store import File
from app.jobs import reading
from app.jobs import store as jobs
from app.jobs.store import Stored
from app.videos import asking, store
from app.videos.schemas import InputFile, Video
from core.db import Raw
from core.jobs import videos
from core.jobs.model import State, TargetType
from core.jobs.targets import FunctionTarget, Input
from core.jobs.videos import Wish

_targets = msgspec.json.Decoder(FunctionTarget)
_wishes = msgspec.json.Decoder(Wish)
_UNDER_WAY = (State.RUNNING, State.CANCELLING)
_WHOLE = 100


class Found(msgspec.Struct, frozen=True):
    """A video's job, and what is to be known besides."""

    job: Stored
    wish: Wish
    input: Input
    progress: int | None
    output: File | None
    """Once it is encoded, unless it was not kept or was deleted."""

    @property
    def name(self) -> str:
        """What it is called when it is downloaded."""
        return asking.output_name(self.wish)


async def find(db: Raw, job: UUID, *, tenant: UUID) -> Found | None:
    """A video of this tenant; None for any other job."""
    stored = await jobs.get(db, job, tenant=tenant)
    if stored is None or stored.target_type != TargetType.FUNCTION:
        return None
    target = _targets.decode(stored.target)
    if target.function != videos.FUNCTION or target.input is None:
        return None
    wish = _wishes.decode(stored.body or b"{}")
    output = None
    if stored.state is State.SUCCEEDED:
        # Of that attempt: the video that was sent may have the same name.
        output = await artifacts.one(db, tenant, job, wish.file, stored.attempts_made)
    return Found(stored, wish, target.input, await _progress(db, stored), output)


def shown(found: Found, *, origin: str) -> Video:
    """As the API shows it."""
    job, output = found.job, found.output
    return Video(
        id=job.id,
        state=job.state,
        input_file=InputFile(name=found.input.name, size=found.input.size, sha256=found.input.sha256),
        quality=found.wish.quality,
        format=found.wish.format,
        progress=found.progress,
        output_filename=found.name if output is not None else None,
        output_size=output.size if output is not None else None,
        download_url=f"{origin}/v1/videos/{job.id}/download" if output is not None else None,
        attempts_made=job.attempts_made,
        last_error=reading.error(job.error_code, job.error_message),
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
    )


async def _progress(db: Raw, job: Stored) -> int | None:
    if job.state is State.SUCCEEDED:
        return _WHOLE
    if job.state not in _UNDER_WAY:
        return None
    return await store.progress(db, job.id, attempt=job.attempts_made)
