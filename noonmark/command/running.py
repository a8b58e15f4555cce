"""`jobctl run`: code, now and here as it seems; and `jobctl submit`: any job, now or later."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import click
import msgspec

from noonmark import jobs
from noonmark.calls import Call
from noonmark.command import console, making, rendering, values, waiting
from noonmark.command.console import Leaf
from noonmark.model import Job

_YAML = (".yaml", ".yml")

WAIT = (
    click.option(
        "--wait/--no-wait", default=None, help="Whether to stay, print what it prints, and exit as it did."
    ),
    waiting.PATIENCE,
    waiting.CANCELS,
)
_WORDS = click.argument("words", nargs=-1, metavar="[IMAGE] [-- COMMAND...]")


@click.command("run", cls=Leaf)
@_WORDS
@making.options(*making.WHERE, *making.CODE, *making.POLICY, *making.ONCE, *WAIT)
@click.pass_context
def run(
    context: click.Context,
    /,
    words: tuple[str, ...],
    key: str | None,
    wait: bool | None,
    patience: timedelta | None,
    cancels: bool,
    **typed: Any,
) -> None:
    """Run code now: a container, a process, a function. Exits with its exit code.

    \b
    jobctl run registry.example/report:1.4 -- report --month 2026-11
    jobctl run --process -- /usr/bin/make nightly
    jobctl run --function compute.math@1 --params '{"operation": "prime", "n": 97}'

    Its output is printed as it comes. Ctrl-C stops the waiting, not the job. `jobctl call` calls a URL.
    """
    if words and "://" in words[0]:
        raise click.UsageError(f"that is a URL: jobctl call {words[0]}")
    here = console.of(context)
    made = here.ask(ordered(words, typed, key))
    if wait is False:
        here.one(made, rendering.job)
    else:
        waiting.until_over(context, here, made, patience=patience, cancels=cancels)


@click.command("submit", cls=Leaf)
@click.argument("words", nargs=-1, metavar="[URL | IMAGE] [-- COMMAND...]")
@making.options(
    click.option("-f", "--from", "place", metavar="FILE", help="A job as JSON or YAML; - is JSON on stdin."),
    click.option("--image", is_flag=True, help="What follows is an image, and its command."),
    *making.WHERE,
    *making.WHEN,
    *making.REQUEST,
    *making.CODE,
    *making.POLICY,
    making.SUCCESS,
    *making.ONCE,
    *WAIT,
)
@click.pass_context
def submit(
    context: click.Context,
    /,
    words: tuple[str, ...],
    place: str | None,
    image: bool,
    at: datetime | None,
    delay: timedelta | None,
    key: str | None,
    wait: bool | None,
    patience: timedelta | None,
    cancels: bool,
    **typed: Any,
) -> None:
    """Have something done, now or later: a URL called, code run, or whatever a file says.

    \b
    jobctl submit https://example.com/hook -d '{"any": "json"}' --in 90s
    jobctl submit --image registry.example/report:1.4 --at 2027-01-01T09:00:00Z
    jobctl submit -f job.yaml
    """
    here = console.of(context)
    when = making.when(at, delay)
    if place is not None:
        asked = _of_file(place, words, typed, when, key)
    elif image or typed["process"] or typed["function"]:
        asked = ordered(words, typed, key, when)
    else:
        asked = _called(words, typed, when, key)
    made = here.ask(asked)
    if wait or (wait is None and patience is not None):
        waiting.until_over(context, here, made, patience=patience, cancels=cancels)
    else:
        here.one(made, rendering.job)


def ordered(
    words: Sequence[str], typed: dict[str, Any], key: str | None, when: dict[str, Any] | None = None
) -> Call[Job]:
    """The call that has code run, as it was typed. UsageError for what does not go together."""
    options, code = making.policy(typed) | making.unique(typed) | (when or {}), making.code(typed)
    if typed["function"]:
        if typed["process"] or words or code.keys() - {"params"}:
            raise click.UsageError("a function takes --params, and no image, command or environment")
        params = code.get("params", msgspec.UNSET)
        return jobs.invoke(typed["function"], params, idempotency_key=key, **options)
    if not words:
        raise click.UsageError("say what to run: an image, --process -- COMMAND, or --function NAME")
    if typed["process"]:
        return jobs.run(words, idempotency_key=key, **code, **options)
    return jobs.run(words[1:], image=words[0], idempotency_key=key, **code, **options)


def _called(words: Sequence[str], typed: dict[str, Any], when: dict[str, Any], key: str | None) -> Call[Job]:
    if len(words) != 1:
        raise click.UsageError("give one URL, --image, --process, --function, or a file with -f")
    if making.code(typed):
        raise click.UsageError(
            "a URL has no environment, params or limits; for code say --image or --process"
        )
    return jobs.create(words[0], idempotency_key=key, **making.new(typed), **when)


def _of_file(
    place: str, words: Sequence[str], typed: dict[str, Any], when: dict[str, Any], key: str | None
) -> Call[Job]:
    given = {name: value for name, value in typed.items() if value}
    if words or given or when:
        raise click.UsageError("with -f the file says everything: give no other options of a job")
    return jobs.submit(_read(place), idempotency_key=key)


def _read(place: str) -> dict[str, Any]:
    content = values.read(place)
    try:
        if place.endswith(_YAML):
            return msgspec.yaml.decode(content, type=dict[str, Any])
        return msgspec.json.decode(content, type=dict[str, Any])
    except ImportError:
        raise click.UsageError("reading YAML takes the package pyyaml; or write the job as JSON") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{place} is no job: {error}") from None
