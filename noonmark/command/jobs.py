"""`jobctl jobs …`, and the shortcuts `call`, `status` and `logs`."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import click

from noonmark import bulk, jobs
from noonmark.command import completion, console, making, rendering, values, waiting
from noonmark.command.console import Leaf
from noonmark.model import State

_JOB = click.argument("job_id", metavar="ID", type=click.UUID, shell_complete=completion.job_ids)
_CURSOR = click.option("--cursor", help="Where a page before ended.")
_LIMIT = click.option("--limit", type=click.IntRange(1, 100), help="Items on a page.")
_ALL = click.option("--all", "every", is_flag=True, help="All pages.")


@click.group("jobs")
def group() -> None:
    """Create, see and steer jobs."""


@group.command("create", cls=Leaf)
@click.argument("target", metavar="URL")
@making.options(*making.WHEN, *making.WHAT, waiting.WAIT, waiting.PATIENCE)
@click.pass_context
def create(
    context: click.Context,
    /,
    target: str,
    at: datetime | None,
    delay: timedelta | None,
    key: str | None,
    wait: bool,
    patience: timedelta | None,
    **typed: Any,
) -> None:
    """Have a URL called: now, at a time, or after a while.

    \b
    jobctl jobs create https://example.com/hook -d '{"any": "json"}' --in 90s
    """
    here = console.of(context)
    options = making.new(typed) | making.when(at, delay)
    made = here.ask(jobs.create(target, idempotency_key=key, **options))
    if wait or patience is not None:
        waiting.until_over(context, here, made, patience=patience)
    else:
        here.one(made, rendering.job)


@click.command("call", cls=Leaf)
@click.argument("target", metavar="URL")
@making.options(*making.WHAT, waiting.PATIENCE, waiting.CANCELS)
@click.pass_context
def call(
    context: click.Context,
    /,
    target: str,
    key: str | None,
    patience: timedelta | None,
    cancels: bool,
    **typed: Any,
) -> None:
    """Have a URL called now, wait, and show what came of it. Exits 6 unless it succeeded."""
    here = console.of(context)
    made = here.ask(jobs.create(target, idempotency_key=key, **making.new(typed)))
    waiting.until_over(context, here, made, patience=patience, cancels=cancels)


@group.command("get", cls=Leaf)
@_JOB
@click.pass_context
def get(context: click.Context, /, job_id: UUID) -> None:
    """Show a job as it is now."""
    here = console.of(context)
    here.one(here.ask(jobs.get(job_id)), rendering.job)


_FILTER = (
    click.option("--state", multiple=True, type=click.Choice([str(s) for s in State if s != State.UNKNOWN])),
    click.option("--queue", shell_complete=completion.queues),
    click.option("--label", "labels", type=values.pair("="), multiple=True, metavar="NAME=VALUE"),
    click.option("--url-contains", metavar="TEXT"),
    click.option("--created-after", type=values.instant, metavar="TIME"),
    click.option("--created-before", type=values.instant, metavar="TIME"),
    click.option("--fire-after", type=values.instant, metavar="TIME"),
    click.option("--fire-before", type=values.instant, metavar="TIME"),
)


@group.command("list", cls=Leaf)
@making.options(*_FILTER, _LIMIT, _CURSOR, _ALL)
@click.pass_context
def listed(
    context: click.Context, /, limit: int | None, cursor: str | None, every: bool, **typed: Any
) -> None:
    """List jobs, newest first. Filters narrow one another down; --state may be repeated."""
    listing = jobs.listed(limit=limit, cursor=cursor, **making.which(typed))
    console.of(context).many(listing, rendering.JOBS, every=every)


@group.command("cancel", cls=Leaf)
@click.argument(
    "job_ids", metavar="ID...", type=click.UUID, nargs=-1, required=True, shell_complete=completion.job_ids
)
@click.pass_context
def cancel(context: click.Context, /, job_ids: tuple[UUID, ...]) -> None:
    """End jobs. One that waits is cancelled at once; one that runs is aborted."""
    here = console.of(context)
    for job_id in job_ids:
        here.one(here.ask(jobs.cancel(job_id)), lambda job: f"{job.id}  {job.state}")


@group.command("cancel-all", cls=Leaf)
@making.options(*_FILTER, making.EVERYTHING, making.DRY_RUN, making.YES)
@click.pass_context
def cancel_all(context: click.Context, /, everything: bool, dry_run: bool, yes: bool, **typed: Any) -> None:
    """End every job that fits a filter, or every one."""
    which = making.which(typed, everything=everything)
    here = console.of(context)
    making.confirm("Cancel all of these jobs?", yes=yes or dry_run)
    here.counts(here.ask(bulk.cancel(everything=everything, dry_run=dry_run, **which)))


@group.command("edit", cls=Leaf)
@_JOB
@making.options(*making.WHEN, *making.EDIT)
@click.pass_context
def edit(
    context: click.Context, /, job_id: UUID, at: datetime | None, delay: timedelta | None, **typed: Any
) -> None:
    """Change a job that still waits. Its request stands once there was an attempt.

    \b
    jobctl jobs edit ID --in 2h --label team=billing --no-header X-Old
    """
    change: Any = making.when(at, delay) | making.change(typed)
    if not change:
        raise click.UsageError("say what to change: --at, --in, --priority or another option")
    here = console.of(context)
    here.one(here.ask(jobs.edit(job_id, **change)), rendering.job)


@group.command("replay", cls=Leaf)
@_JOB
@making.options(*making.WHEN, click.option("--max-attempts", type=click.IntRange(1, 21)))
@click.pass_context
def replay(
    context: click.Context,
    /,
    job_id: UUID,
    at: datetime | None,
    delay: timedelta | None,
    max_attempts: int | None,
) -> None:
    """Make a new job with the request of one that is over."""
    here = console.of(context)
    here.one(here.ask(jobs.replay(job_id, **making.difference(at, delay, max_attempts))), rendering.job)


@group.command("attempts", cls=Leaf)
@_JOB
@click.pass_context
def attempts(context: click.Context, /, job_id: UUID) -> None:
    """List a job's attempts."""
    here = console.of(context)
    here.few(here.ask(jobs.attempts(job_id)), rendering.ATTEMPTS, lambda attempt: attempt.number)


@group.command("events", cls=Leaf)
@_JOB
@making.options(_LIMIT, _CURSOR, _ALL)
@click.pass_context
def events(
    context: click.Context, /, job_id: UUID, limit: int | None, cursor: str | None, every: bool
) -> None:
    """List what happened to a job, oldest first."""
    listing = jobs.events(job_id, limit=limit, cursor=cursor)
    console.of(context).many(listing, rendering.EVENTS, every=every)


@group.command("story", cls=Leaf)
@_JOB
@click.option("-f", "--follow", is_flag=True, help="Stay until the job is over.")
@click.pass_context
def story(context: click.Context, /, job_id: UUID, follow: bool) -> None:
    """Tell a job's story, line by line."""
    here, seen = console.of(context), set[UUID]()
    with here.client() as client:
        while True:
            # Asked first: what happens in between is told by the events that are read after it.
            over = not follow or client.jobs.get(job_id).state.final
            told = list(client.jobs.events(job_id))
            for event in told:
                # What an attempt tells may come a moment late, before what has been shown.
                if event.id not in seen:
                    here.say(rendering.event(event))
            seen |= {event.id for event in told}
            if over:
                return
            here.sleep(1.0)


@click.command("logs", cls=Leaf)
@_JOB
@click.option("-f", "--follow", is_flag=True, help="Stay until the job is over.")
@click.option("--attempt", type=click.IntRange(1), help="Only what this attempt printed.")
@click.option("--after", metavar="POSITION", help="Only what was printed after this line.")
@click.pass_context
def logs(
    context: click.Context, /, job_id: UUID, follow: bool, attempt: int | None, after: str | None
) -> None:
    """Print what a job printed: its standard output here, and its standard error to ours."""
    here = console.of(context)
    with here.client() as client:
        read = client.jobs.follow_logs if follow else client.jobs.logs
        for line in read(job_id, attempt=attempt, after=after):
            here.printed(line)
