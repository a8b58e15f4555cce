"""`jobctl dlq …`"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import click

from noonmark import bulk, dead_letters
from noonmark.command import completion, console, making, rendering, values
from noonmark.command.console import Leaf

_LETTER = click.argument("job_id", metavar="ID", type=click.UUID, shell_complete=completion.letter_ids)


@click.group("dlq")
def group() -> None:
    """See and replay jobs that failed for good."""


_FILTER = (
    click.option("--queue", shell_complete=completion.queues),
    click.option("--label", "labels", type=values.pair("="), multiple=True, metavar="NAME=VALUE"),
    click.option("--error-code", metavar="CODE", help="Of the error that ended the job."),
    click.option("--url-contains", metavar="TEXT"),
    click.option("--failed-after", type=values.instant, metavar="TIME"),
    click.option("--failed-before", type=values.instant, metavar="TIME"),
)


@group.command("list", cls=Leaf)
@making.options(*_FILTER)
@click.option("--limit", type=click.IntRange(1, 100), help="Items on a page.")
@click.option("--cursor", help="Where a page before ended.")
@click.option("--all", "every", is_flag=True, help="All pages.")
@click.pass_context
def listed(
    context: click.Context, /, limit: int | None, cursor: str | None, every: bool, **typed: Any
) -> None:
    """List dead letters, newest first."""
    listing = dead_letters.listed(limit=limit, cursor=cursor, **making.which(typed))
    console.of(context).many(listing, rendering.LETTERS, every=every)


@group.command("get", cls=Leaf)
@_LETTER
@click.pass_context
def get(context: click.Context, job_id: UUID) -> None:
    """Show what a job had asked for, and what ended it."""
    here = console.of(context)
    here.one(here.ask(dead_letters.get(job_id)), rendering.letter)


@group.command("replay", cls=Leaf)
@_LETTER
@making.options(*making.WHEN, click.option("--max-attempts", type=click.IntRange(1, 21)))
@click.pass_context
def replay(
    context: click.Context,
    job_id: UUID,
    at: datetime | None,
    delay: timedelta | None,
    max_attempts: int | None,
) -> None:
    """Make a new job of a dead letter, once. `retry` is another name for it."""
    here = console.of(context)
    talk = dead_letters.replay(job_id, **making.difference(at, delay, max_attempts))
    here.one(here.ask(talk), rendering.job)


@group.command("replay-all", cls=Leaf)
@making.options(
    *_FILTER,
    click.option("--per-second", type=float, metavar="RATE", help="Spread the new jobs' fire times."),
    making.EVERYTHING,
    making.DRY_RUN,
    making.YES,
)
@click.pass_context
def replay_all(
    context: click.Context,
    /,
    per_second: float | None,
    everything: bool,
    dry_run: bool,
    yes: bool,
    **typed: Any,
) -> None:
    """Replay every dead letter that fits a filter, or every one; of each only once."""
    which = making.which(typed, everything=everything)
    here = console.of(context)
    making.confirm("Replay all of these dead letters?", yes=yes or dry_run)
    talk = bulk.replay(everything=everything, dry_run=dry_run, per_second=per_second, **which)
    here.counts(here.ask(talk))


@group.command("purge", cls=Leaf)
@making.options(
    *_FILTER,
    click.option("--older-than", type=values.duration, metavar="DURATION", help="Failed so long ago."),
    making.EVERYTHING,
    making.DRY_RUN,
    making.YES,
)
@click.pass_context
def purge(context: click.Context, /, everything: bool, dry_run: bool, yes: bool, **typed: Any) -> None:
    """Delete every dead letter that fits a filter, or every one, for good."""
    which = making.which(typed, everything=everything)
    here = console.of(context)
    making.confirm("Delete all of these dead letters for good?", yes=yes or dry_run)
    here.counts(here.ask(bulk.purge(everything=everything, dry_run=dry_run, **which)))


group.add_command(replay, "retry")
