"""`jobctl videos …`: videos, sent, watched and downloaded."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import click

from noonmark import calls, videos
from noonmark.client import Client
from noonmark.command import completion, console, making, rendering, saving, waiting
from noonmark.command.console import Console, Leaf
from noonmark.conversation import Told
from noonmark.model import State
from noonmark.videos import Video

_EVERY_SECONDS = 1.0
_STEP = 10
"""Percent between two notes."""

_VIDEO = click.argument("video_id", metavar="ID", type=click.UUID, shell_complete=completion.job_ids)
_WISHES = (
    click.option("--quality", type=click.Choice(["720p", "1080p", "4k"]), help="720p unless given."),
    click.option("--format", type=click.Choice(["mp4", "webm"]), help="mp4 unless given."),
    making.PRIORITY,
    click.option("--name", help="What it is to be called; else as it is called here."),
    making.KEY,
)


@click.group("videos")
def group() -> None:
    """Have videos encoded."""


@group.command("encode", cls=Leaf)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@making.options(
    *_WISHES,
    waiting.WAIT,
    waiting.PATIENCE,
    waiting.CANCELS,
    click.option("--to", type=click.Path(path_type=Path), help="Wait, and save it there."),
    saving.FORCE,
)
@click.pass_context
def encode(
    context: click.Context,
    /,
    file: Path,
    quality: str | None,
    format: str | None,
    priority: str | int | None,
    name: str | None,
    key: str | None,
    wait: bool,
    patience: timedelta | None,
    cancels: bool,
    to: Path | None,
    force: bool,
) -> None:
    """Send a video and have it encoded. Who waits exits with 6 unless it succeeded.

    \b
    jobctl videos encode holiday.mov --quality 1080p --to holiday.mp4
    """
    here = console.of(context)
    if to is not None:
        saving.free(to, force=force)
    try:
        made = here.ask(
            videos.encode(
                file, quality=quality, format=format, priority=priority, name=name, idempotency_key=key
            )
        )
    except OSError as error:
        raise click.ClickException(f"cannot read {file}: {error.strerror}") from error
    if not wait and to is None and patience is None:
        here.one(made, rendering.video)
        return
    _until_over(context, here, made.value.id, patience=patience, cancels=cancels, to=to)


@group.command("status", cls=Leaf)
@_VIDEO
@click.pass_context
def status(context: click.Context, /, video_id: UUID) -> None:
    """Show where a video stands."""
    here = console.of(context)
    here.one(here.ask(videos.get(video_id)), rendering.video)


@group.command("download", cls=Leaf)
@_VIDEO
@making.options(saving.TO, saving.FORCE)
@click.pass_context
def download(context: click.Context, /, video_id: UUID, to: Path | None, force: bool) -> None:
    """Download an encoded video."""
    here = console.of(context)
    with here.client() as client:
        if to is None:
            name = client.videos.get(video_id).output_filename
            to = Path(Path(name or str(video_id)).name)
        _save(client, here, video_id, saving.free(to, force=force))


def _until_over(
    context: click.Context,
    here: Console,
    video_id: UUID,
    *,
    patience: timedelta | None,
    cancels: bool,
    to: Path | None,
) -> None:
    if here.output == "table":
        here.note(f"{video_id} is made; waiting")
    with here.client() as client:
        with waiting.interruptible(context, client, here, video_id, cancels=cancels):
            over = _watched(client, here, video_id, patience)
        _show(here, over)
        if over.value.state is not State.SUCCEEDED:
            context.exit(waiting.UNSUCCESSFUL)
        if to is not None:
            _save(client, here, video_id, to)


def _watched(client: Client, here: Console, video_id: UUID, patience: timedelta | None) -> Told[Video]:
    """The video once it is over; how far it is, is told meanwhile."""
    look = videos.get(video_id)
    limit = None if patience is None else patience.total_seconds()
    if here.output == "table":
        look = replace(look, read=_telling(here, look.read))
    return client.ask(calls.until_over(look, f"video {video_id}", timeout=limit, every=_EVERY_SECONDS))


def _telling(here: Console, read: Callable[[bytes], Video]) -> Callable[[bytes], Video]:
    told = 0

    def look(answer: bytes) -> Video:
        nonlocal told
        video = read(answer)
        if video.progress is not None and video.progress >= told + _STEP:
            told = video.progress
            here.note(f"{video.id} {video.state}, {told} %")
        return video

    return look


def _show(here: Console, over: Told[Video]) -> None:
    video = over.value
    if video.state is State.SUCCEEDED or here.output != "table":
        here.one(over, rendering.video)
        return
    error = f": {video.last_error.message}" if video.state is State.FAILED and video.last_error else ""
    here.note(f"{video.id} {video.state}{error}")


def _save(client: Client, here: Console, video_id: UUID, to: Path) -> None:
    with saving.writing(to):
        client.videos.download(video_id, to=to)
    here.note(f"{video_id} is saved as {to}")
