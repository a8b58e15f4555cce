"""`jobctl queues …`"""

from typing import Any

import click

from noonmark import queues
from noonmark.command import completion, console, making, rendering, values
from noonmark.command.console import Leaf

_QUEUE = click.argument("queue", metavar="QUEUE", shell_complete=completion.queues)
_NONE = "none"


def _whole(typed: str) -> int | str:
    """A number, or `none`, which takes a setting away."""
    if typed != _NONE and not (typed.isascii() and typed.isdecimal()):
        raise click.BadParameter(f"{typed!r} is no whole number, and not {_NONE}")
    return typed if typed == _NONE else int(typed)


_SETTINGS = (
    click.option("--max-concurrency", type=_whole, help="Jobs in flight at once, or none."),
    click.option("--rate", metavar="COUNT/DURATION", help="Starts in a period, as in 100/1m, or none."),
    click.option("--burst", type=click.IntRange(1), help="Jobs of the rate that may start at once."),
    click.option("--timeout", type=_whole, help="Seconds, of jobs that give none; or none."),
    click.option("--max-attempts", type=click.IntRange(1, 21), help="Of jobs that give no policy."),
)


@click.group("queues")
def group() -> None:
    """Lanes with limits, a switch and defaults of their own."""


@group.command("list", cls=Leaf)
@click.option("--limit", type=click.IntRange(1, 100), help="Items on a page.")
@click.option("--cursor", help="Where a page before ended.")
@click.option("--all", "every", is_flag=True, help="All pages.")
@click.pass_context
def listed(context: click.Context, limit: int | None, cursor: str | None, every: bool) -> None:
    """List queues, oldest first."""
    console.of(context).many(queues.listed(limit=limit, cursor=cursor), rendering.QUEUES, every=every)


@group.command("get", cls=Leaf)
@_QUEUE
@click.pass_context
def get(context: click.Context, queue: str) -> None:
    """Show a queue."""
    here = console.of(context)
    here.one(here.ask(queues.get(queue)), rendering.queue)


@group.command("create", cls=Leaf)
@click.argument("name")
@making.options(*_SETTINGS, click.option("--paused", is_flag=True, help="Start nothing of it for now."))
@click.pass_context
def create(context: click.Context, /, name: str, paused: bool, **typed: Any) -> None:
    """Create a queue."""
    here = console.of(context)
    here.one(here.ask(queues.create(name, paused=paused, **_settings(typed))), rendering.queue)


@group.command("edit", cls=Leaf)
@_QUEUE
@making.options(*_SETTINGS, click.option("--name", help="A new name."))
@click.pass_context
def edit(context: click.Context, /, queue: str, name: str | None, **typed: Any) -> None:
    """Change a queue; what is not named stays."""
    change = _settings(typed) | ({} if name is None else {"name": name})
    if not change:
        raise click.UsageError("say what to change")
    here = console.of(context)
    here.one(here.ask(queues.edit(queue, **change)), rendering.queue)


@group.command("pause", cls=Leaf)
@_QUEUE
@click.pass_context
def pause(context: click.Context, queue: str) -> None:
    """Start nothing of a queue any more."""
    here = console.of(context)
    here.one(here.ask(queues.pause(queue)), rendering.queue)


@group.command("resume", cls=Leaf)
@_QUEUE
@click.pass_context
def resume(context: click.Context, queue: str) -> None:
    """Start what is due in a queue."""
    here = console.of(context)
    here.one(here.ask(queues.resume(queue)), rendering.queue)


@group.command("delete", cls=Leaf)
@_QUEUE
@click.pass_context
def delete(context: click.Context, queue: str) -> None:
    """Delete a queue in which nothing waits or runs."""
    here = console.of(context)
    here.ask(queues.delete(queue))
    here.note(f"{queue} is deleted")


def _settings(typed: dict[str, Any]) -> Any:
    """What was typed, as the API names it."""
    given: dict[str, Any] = {
        "max_concurrency": typed["max_concurrency"],
        "timeout_seconds": typed["timeout"],
        "rate": _rate(typed["rate"], typed["burst"]),
        "retry": None if typed["max_attempts"] is None else {"max_attempts": typed["max_attempts"]},
    }
    return {name: None if value == _NONE else value for name, value in given.items() if value is not None}


def _rate(typed: str | None, burst: int | None) -> dict[str, Any] | str | None:
    if typed == _NONE:
        return _NONE
    rate: dict[str, Any] = {} if burst is None else {"burst": burst}
    if typed is not None:
        count, slash, period = typed.partition("/")
        if not (count.isascii() and count.isdecimal()) or not slash:
            raise click.BadParameter(f"{typed!r} is no rate; write 100/1m")
        seconds = values.duration(period if period[:1].isdecimal() else f"1{period}").total_seconds()
        rate |= {"count": int(count), "period_seconds": seconds}
    return rate or None
