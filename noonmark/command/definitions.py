"""`jobctl definitions …`"""

from datetime import datetime, timedelta
from typing import Any

import click

from noonmark import definitions
from noonmark.command import completion, console, making, rendering, values, waiting
from noonmark.command.console import Leaf

_DEFINITION = click.argument("definition", metavar="DEFINITION", shell_complete=completion.definitions)
_NONE = "none"
_JSON = "JSON; @FILE reads it, @- from stdin."


def _whole(typed: str) -> int | str:
    """A number, or `none`, which takes a setting away."""
    if typed != _NONE and not (typed.isascii() and typed.isdecimal()):
        raise click.BadParameter(f"{typed!r} is no whole number, and not {_NONE}")
    return typed if typed == _NONE else int(typed)


_SETTINGS = (
    click.option("--about", "description", help="A sentence for people."),
    click.option("--queue", shell_complete=completion.queues, help="Where its jobs wait."),
    click.option("--priority", type=values.priority, help="critical, high, normal, low, or 0 to 100."),
    click.option("--timeout", "timeout_seconds", type=_whole, help="Seconds for one attempt, or none."),
    click.option("--max-attempts", type=click.IntRange(1, 21), help="1 means at most once."),
    click.option("--limit", "concurrency_limit", type=_whole, help="Jobs in flight at once, or none."),
    click.option("--label", "labels", type=values.pair("="), multiple=True, metavar="NAME=VALUE"),
    click.option(
        "--params-schema", metavar="JSON", help="What params have to fit; @FILE reads it; none for anything."
    ),
    click.option("--result-schema", metavar="JSON", help="What a result has to fit; likewise."),
)


@click.group("definitions")
def group() -> None:
    """Templates of jobs under a key and a version, and the functions that are registered."""


@group.command("list", cls=Leaf)
@click.option("--limit", type=click.IntRange(1, 100), help="Items on a page.")
@click.option("--cursor", help="Where a page before ended.")
@click.option("--all", "every", is_flag=True, help="All pages.")
@click.pass_context
def listed(context: click.Context, limit: int | None, cursor: str | None, every: bool) -> None:
    """List definitions, oldest first."""
    listing = definitions.listed(limit=limit, cursor=cursor)
    console.of(context).many(listing, rendering.DEFINITIONS, every=every)


@group.command("show", cls=Leaf)
@_DEFINITION
@click.pass_context
def show(context: click.Context, definition: str) -> None:
    """Show a definition: by its id, its key@version, or its key for the newest version."""
    here = console.of(context)
    here.one(here.ask(definitions.get(definition)), rendering.definition)


@group.command("create", cls=Leaf)
@click.argument("name", metavar="KEY@VERSION")
@click.option("--target", required=True, metavar="JSON", help=_JSON)
@making.options(*_SETTINGS)
@click.pass_context
def create(context: click.Context, /, name: str, target: str, **typed: Any) -> None:
    """Create a definition.

    \b
    jobctl definitions create report@1 --limit 3 --target \\
      '{"type": "container", "image": "registry.example/report:1.4", "command": ["report"]}'
    """
    key, at, version = name.partition("@")
    if at and not (version.isascii() and version.isdecimal()):
        raise click.BadParameter(f"{name!r} is not KEY@VERSION")
    here, number = console.of(context), int(version) if at else 1
    made = definitions.create(key, values.json_body(target), version=number, **_settings(typed))
    here.one(here.ask(made), rendering.definition)


@group.command("update", cls=Leaf)
@_DEFINITION
@click.option("--target", metavar="JSON", help=_JSON)
@making.options(*_SETTINGS)
@click.pass_context
def update(context: click.Context, /, definition: str, target: str | None, **typed: Any) -> None:
    """Change a definition; what is not named stays. No job that stands is changed."""
    change = _settings(typed) | ({} if target is None else {"target": values.json_body(target)})
    if not change:
        raise click.UsageError("say what to change")
    here = console.of(context)
    here.one(here.ask(definitions.edit(definition, **change)), rendering.definition)


@group.command("delete", cls=Leaf)
@_DEFINITION
@click.pass_context
def delete(context: click.Context, definition: str) -> None:
    """Delete a definition. Its jobs go on."""
    here = console.of(context)
    here.ask(definitions.delete(definition))
    here.note(f"{definition} is deleted")


@group.command("run", cls=Leaf)
@_DEFINITION
@click.option("-p", "--params", metavar="JSON", help=_JSON)
@click.option("-e", "--env", type=values.pair("="), multiple=True, metavar="NAME=VALUE")
@making.options(
    *making.WHEN,
    click.option("--queue", shell_complete=completion.queues, help="Another than the definition's."),
    click.option("--priority", type=values.priority, help="Another than the definition's."),
    click.option("--timeout", type=click.IntRange(1, 3600), help="Seconds for one attempt."),
    click.option("--label", "labels", type=values.pair("="), multiple=True, metavar="NAME=VALUE"),
    click.option("--key", metavar="KEY", help="Idempotency key: the same key makes no second job."),
    click.option(
        "--wait", is_flag=True, help="Stay until it is over, print what it prints, and exit as it did."
    ),
)
@click.pass_context
def run(
    context: click.Context,
    /,
    definition: str,
    at: datetime | None,
    delay: timedelta | None,
    key: str | None,
    wait: bool,
    **typed: Any,
) -> None:
    """Make a job by a definition."""
    here = console.of(context)
    options: Any = _options(typed) | making.when(at, delay)
    made = here.ask(definitions.run(definition, idempotency_key=key, **options))
    if wait:
        waiting.until_over(context, here, made, patience=None)
    here.one(made, rendering.job)


def _options(typed: dict[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {
        "env": dict(typed["env"]) or None,
        "queue": typed["queue"],
        "priority": typed["priority"],
        "timeout_seconds": typed["timeout"],
        "labels": dict(typed["labels"]) or None,
    }
    options = {name: value for name, value in given.items() if value is not None}
    return options if typed["params"] is None else options | {"params": values.json_body(typed["params"])}


def _settings(typed: dict[str, Any]) -> Any:
    """What was typed, as the API names it."""
    given = {name: typed[name] for name in ("description", "queue", "priority", "timeout_seconds")}
    given["concurrency_limit"] = typed["concurrency_limit"]
    given["labels"] = dict(typed["labels"]) or None
    given["retry"] = None if typed["max_attempts"] is None else {"max_attempts": typed["max_attempts"]}
    for name in ("params_schema", "result_schema"):
        text = typed[name]
        given[name] = text if text in (None, _NONE) else values.json_body(text)
    return {
        name: None if isinstance(value, str) and value == _NONE else value
        for name, value in given.items()
        if value is not None
    }
