"""Staying with a job until it is over: what it prints is printed here, and how it ends is how we exit.

Of code, its own exit code is ours. Where it had none, or one that says nothing, there are these:

6    a call that did not succeed, or that the wait was for too short a time
124  its last attempt was stopped because its time was over
125  it failed in another way: nothing was started, its machine was lost, its result does not fit
130  it was cancelled, or whoever waited pressed Ctrl-C
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import click

from noonmark import jobs
from noonmark.client import Client
from noonmark.command import rendering, values
from noonmark.command.console import Console
from noonmark.conversation import Told
from noonmark.errors import TimedOut
from noonmark.model import Attempt, Job, Outcome, State

UNSUCCESSFUL = 6
TIMED_OUT = 124
FAILED = 125
STOPPED = 130

WAIT = click.option("--wait", is_flag=True, help="Stay until it is over; exit 6 unless it succeeded.")
PATIENCE = click.option(
    "--for", "patience", type=values.duration, metavar="DURATION", help="How long to wait at most."
)
CANCELS = click.option(
    "--cancel-on-interrupt", "cancels", is_flag=True, help="Ctrl-C cancels the job, too, while waiting."
)

_EVERY_SECONDS = 0.5


def until_over(
    context: click.Context,
    here: Console,
    made: Told[Job],
    *,
    patience: timedelta | None,
    cancels: bool = False,
) -> None:
    """Wait, and exit by how it ended. `cancels`: Ctrl-C ends the job too, and not only the wait."""
    job = made.value
    if here.output == "table":
        here.note(f"{job.id} is made; waiting")
    limit = None if patience is None else patience.total_seconds()
    with here.client() as client, interruptible(context, client, here, job.id, cancels=cancels):
        over = _follow(client, here, job, limit)
        code = _exit_code(client, over.value)
    _show(here, over)
    context.exit(code)


@contextmanager
def interruptible(
    context: click.Context, client: Client, here: Console, job: UUID, *, cancels: bool
) -> Iterator[None]:
    """While a job is waited for: Ctrl-C ends that, says how it goes on, and is how we exit."""
    try:
        yield
    except KeyboardInterrupt:
        if cancels:
            here.note(f"{job} is {client.jobs.cancel(job).state}")
        else:
            here.note(f"{job} goes on; end it with: jobctl jobs cancel {job}")
        context.exit(STOPPED)


def _follow(client: Client, here: Console, job: Job, limit: float | None) -> Told[Job]:
    """Print what it prints, until it is over; how it is then. TimedOut if it is not after so many seconds."""
    waited, after = 0.0, None
    while True:
        # Asked first: what was printed until its end is read after it.
        now = client.ask(jobs.get(job.id))
        if job.target.type != "http" and here.output == "table":
            after = _print(client, here, job.id, after)
        if now.value.state.final:
            return now
        if limit is not None and waited >= limit:
            raise TimedOut(f"job {job.id} is {now.value.state} after {limit:g} s")
        pause = _EVERY_SECONDS if limit is None else min(_EVERY_SECONDS, limit - waited)
        here.sleep(pause)
        waited += pause


def _print(client: Client, here: Console, job: UUID, after: str | None) -> str | None:
    for line in client.jobs.logs(job, after=after, limit=1000):
        here.printed(line)
        after = line.position
    return after


def _show(here: Console, over: Told[Job]) -> None:
    """What a call answered is its result; what code printed stands there already."""
    if over.value.target.type == "http" or here.output != "table":
        here.one(over, rendering.job)
        return
    job = over.value
    error = f": {job.last_error.message}" if job.state is State.FAILED and job.last_error else ""
    here.note(f"{job.id} {job.state}{error}")


def _exit_code(client: Client, job: Job) -> int:
    if job.state is State.SUCCEEDED:
        return 0
    if job.target.type == "http":
        return UNSUCCESSFUL
    if job.state is State.CANCELLED:
        return STOPPED
    attempts = client.jobs.attempts(job.id)
    return _of(attempts[-1]) if attempts else FAILED


def _of(last: Attempt) -> int:
    if last.outcome is Outcome.TIMED_OUT:
        return TIMED_OUT
    if last.outcome is Outcome.FAILED and last.exit_code:
        return last.exit_code
    return FAILED
