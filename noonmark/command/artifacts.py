"""`jobctl artifacts …`: files of jobs."""

from pathlib import Path
from uuid import UUID

import click

from noonmark import artifacts
from noonmark.command import completion, console, making, rendering, saving
from noonmark.command.console import Leaf

_JOB = click.argument("job_id", metavar="JOB", type=click.UUID, shell_complete=completion.job_ids)
_ATTEMPT = click.option("--attempt", type=click.IntRange(0), help="Of this attempt; 0: what was uploaded.")


@click.group("artifacts")
def group() -> None:
    """Files that jobs leave, and that are uploaded to them."""


@group.command("list", cls=Leaf)
@_JOB
@_ATTEMPT
@click.option("--limit", type=click.IntRange(1, 100), help="Items on a page.")
@click.option("--cursor", help="Where a page before ended.")
@click.option("--all", "every", is_flag=True, help="All pages.")
@click.pass_context
def listed(
    context: click.Context,
    /,
    job_id: UUID,
    attempt: int | None,
    limit: int | None,
    cursor: str | None,
    every: bool,
) -> None:
    """List a job's files, oldest first."""
    listing = artifacts.listed(job_id, attempt=attempt, limit=limit, cursor=cursor)
    console.of(context).many(listing, rendering.ARTIFACTS, every=every)


@group.command("get", cls=Leaf)
@_JOB
@click.argument("name")
@_ATTEMPT
@making.options(saving.TO, saving.FORCE)
@click.pass_context
def get(
    context: click.Context, /, job_id: UUID, name: str, attempt: int | None, to: Path | None, force: bool
) -> None:
    """Download a file of a job."""
    here = console.of(context)
    to = saving.free(to or Path(Path(name).name), force=force)
    with saving.writing(to), here.client() as client:
        client.artifacts.download(job_id, name, to=to, attempt=attempt)
    here.note(f"{name} is saved as {to}")


@group.command("put", cls=Leaf)
@_JOB
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", help="What it is to be called; else as it is called here.")
@click.option("--content-type", metavar="TYPE", help="Else what the name suggests.")
@click.pass_context
def put(
    context: click.Context, /, job_id: UUID, file: Path, name: str | None, content_type: str | None
) -> None:
    """Upload a file to a job."""
    here = console.of(context)
    told = here.ask(artifacts.upload(job_id, file, name=name, content_type=content_type))
    here.one(told, rendering.artifact)
