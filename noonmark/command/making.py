"""The options that describe a job, shared by all commands that make one, and most by `jobs edit`."""

import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

import click

from noonmark.command import completion, values

F = TypeVar("F", bound=Callable[..., Any])

WHEN = (
    click.option("--at", type=values.instant, metavar="TIME", help="Fire then: 2027-01-01T09:00:00+01:00."),
    click.option("--in", "delay", type=values.duration, metavar="DURATION", help="Fire after 90s, 5m, 2h."),
)
REQUEST = (
    click.option("-X", "--method", metavar="METHOD", help="POST unless given."),
    click.option(
        "-H",
        "--header",
        "headers",
        type=values.pair(":"),
        multiple=True,
        metavar="NAME:VALUE",
        help="A header. Those named like a credential are kept secret.",
    ),
    click.option("--secret-header", "secret_headers", multiple=True, metavar="NAME", help="Mask it too."),
    click.option("-d", "--data", metavar="JSON", help="A JSON body; @FILE reads it, @- from stdin."),
    click.option("--text", metavar="TEXT", help="A body that is sent as it stands."),
    click.option("--file", metavar="FILE", help="A body of any bytes; - is stdin."),
)
PRIORITY = click.option(
    "--priority",
    type=values.priority,
    metavar="PRIORITY",
    help="critical, high, normal, low, or 0 to 100.",
)
POLICY = (
    click.option("--queue", shell_complete=completion.queues, help="One of your queues."),
    PRIORITY,
    click.option("--timeout", type=click.IntRange(1, 3600), metavar="SECONDS", help="For one attempt."),
    click.option("--expires-at", type=values.instant, metavar="TIME", help="Don't deliver after this."),
    click.option("--max-attempts", type=click.IntRange(1, 21), help="1 means at most once."),
    click.option("--backoff", type=click.Choice(["exponential", "linear"]), help="How waits grow."),
    click.option("--label", "labels", type=values.pair("="), multiple=True, metavar="NAME=VALUE"),
)
SUCCESS = click.option(
    "--success", multiple=True, metavar="STATUS", help="Counts as success: 2xx, 404, 200-204."
)
WHERE = (
    click.option("--process", is_flag=True, help="A process on a scheduler's host; a command follows."),
    click.option("--function", metavar="KEY@VERSION", help="A registered function, called with --params."),
)
CODE = (
    click.option(
        "-e", "--env", type=values.pair("="), multiple=True, metavar="NAME=VALUE", help="A variable."
    ),
    click.option("--secret-env", multiple=True, metavar="NAME", help="Mask it too."),
    click.option("--params", metavar="JSON", help="For the code to read; @FILE reads it, @- from stdin."),
    click.option("--runtime", metavar="NAME", help="What runs the image: docker or kubernetes."),
    click.option("--workdir", metavar="FOLDER", help="Where it starts."),
    click.option("--memory", type=click.IntRange(4), metavar="MIB"),
    click.option("--cpus", type=float, metavar="NUMBER"),
    click.option("--pids", type=click.IntRange(1), metavar="NUMBER", help="Processes at once."),
    click.option("--network", is_flag=True, help="Let a container reach the network."),
    click.option("--grace", type=float, metavar="SECONDS", help="From TERM to KILL."),
    click.option(
        "--permanent-exit-code", type=click.IntRange(1, 255), multiple=True, help="No attempt after this."
    ),
)
EVERYTHING = click.option("--all", "everything", is_flag=True, help="No filter: every one there is.")
YES = click.option("--yes", is_flag=True, help="Don't ask.")
DRY_RUN = click.option("--dry-run", is_flag=True, help="Only count.")
KEY = click.option("--key", metavar="KEY", help="Idempotency key: the same key makes no second job.")
ONCE = (
    click.option("--unique", is_flag=True, help="Only while no job with the same request stands."),
    click.option("--unique-key", metavar="KEY", help="Only while no job with this key stands."),
    click.option(
        "--unique-window",
        type=values.duration,
        metavar="DURATION",
        help="A success stands too, so long after its creation.",
    ),
    click.option(
        "--on-conflict",
        type=click.Choice(["reject", "return", "replace"]),
        help="If one stands: fail, show it, or cancel it if it has not started.",
    ),
    KEY,
)
WHAT = (*REQUEST, *POLICY, SUCCESS, *ONCE)
EDIT = (
    click.option("--to", metavar="URL", help="Another URL."),
    *REQUEST,
    click.option("--no-header", "no_headers", multiple=True, metavar="NAME", help="Take a header away."),
    click.option("--no-body", is_flag=True, help="Take the body away."),
    *POLICY,
    SUCCESS,
    click.option("--no-label", "no_labels", multiple=True, metavar="NAME", help="Take a label away."),
    click.option("--no-expiry", is_flag=True, help="Deliver however late."),
)


def options(*given: Callable[[Any], Any]) -> Callable[[F], F]:
    """All of these options, in the order in which help shows them."""

    def decorate(function: F) -> F:
        for option in reversed(given):
            function = option(function)
        return function

    return decorate


def when(at: datetime | None, delay: timedelta | None) -> dict[str, Any]:
    """The fire time, if one was given. UsageError for two."""
    if at is not None and delay is not None:
        raise click.UsageError("give --at or --in, not both")
    return _given(fire_at=at, delay=delay)


def what(typed: dict[str, Any]) -> dict[str, Any]:
    """The client's options for what was typed."""
    request = _given(
        method=typed["method"],
        headers=dict(typed["headers"]) or None,
        secret_headers=typed["secret_headers"] or None,
        success=typed["success"] or None,
    )
    return request | policy(typed) | _body(typed["data"], typed["text"], typed["file"])


def policy(typed: dict[str, Any]) -> dict[str, Any]:
    """Those of them that any job may have."""
    return _given(
        queue=typed["queue"],
        priority=typed["priority"],
        timeout_seconds=typed["timeout"],
        expires_at=typed["expires_at"],
        labels=dict(typed["labels"]) or None,
        retry=_given(max_attempts=typed["max_attempts"], backoff=typed["backoff"]) or None,
    )


def code(typed: dict[str, Any]) -> dict[str, Any]:
    """Those of them that only code has."""
    return _given(
        env=dict(typed["env"]) or None,
        secret_env=typed["secret_env"] or None,
        params=None if typed["params"] is None else values.json_body(typed["params"]),
        runtime=typed["runtime"],
        working_directory=typed["workdir"],
        memory_mb=typed["memory"],
        cpus=typed["cpus"],
        pids=typed["pids"],
        network=typed["network"] or None,
        grace_seconds=typed["grace"],
        permanent_exit_codes=typed["permanent_exit_code"] or None,
    )


def new(typed: dict[str, Any]) -> dict[str, Any]:
    """The client's options for a new job that calls a URL."""
    return what(typed) | unique(typed)


def unique(typed: dict[str, Any]) -> dict[str, Any]:
    """The rule by which it is unique, if it is."""
    window = typed["unique_window"]
    rule = _given(
        key=typed["unique_key"],
        window_seconds=None if window is None else round(window.total_seconds()),
        on_conflict=typed["on_conflict"],
    )
    return {"unique": rule} if rule or typed["unique"] else {}


def change(typed: dict[str, Any]) -> dict[str, Any]:
    """What an edit changes, for what was typed. UsageError for what excludes another."""
    given = what(typed) | _given(url=typed["to"])
    for name, gone in (("headers", typed["no_headers"]), ("labels", typed["no_labels"])):
        if gone:
            given[name] = given.get(name, {}) | dict.fromkeys(gone)
    if typed["no_body"]:
        if given.keys() & {"body", "body_text", "body_bytes"}:
            raise click.UsageError("give a body or --no-body, not both")
        given["body"] = None
    if typed["no_expiry"]:
        if "expires_at" in given:
            raise click.UsageError("give --expires-at or --no-expiry, not both")
        given["expires_at"] = None
    return given


def difference(at: datetime | None, delay: timedelta | None, max_attempts: int | None) -> dict[str, Any]:
    """What a replay does otherwise."""
    return when(at, delay) | ({} if max_attempts is None else {"retry": {"max_attempts": max_attempts}})


def which(typed: dict[str, Any], *, everything: bool | None = None) -> Any:
    """The filter that was typed. For an action, `everything` or a filter has to be given, and not both."""
    typed["labels"] = dict(typed["labels"])
    given = {name: value for name, value in typed.items() if value}
    if everything is not None and everything == bool(given):
        raise click.UsageError("give a filter or --all: one of them, and not both")
    return given


def confirm(question: str, *, yes: bool) -> None:
    """Ask, unless it was answered beforehand. In a pipe nobody can answer, so that is refused."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("nobody is here to confirm this: add --yes")
    click.confirm(question, abort=True, err=True)


def _body(data: str | None, text: str | None, file: str | None) -> dict[str, Any]:
    if sum(each is not None for each in (data, text, file)) > 1:
        raise click.UsageError("give one of --data, --text and --file")
    return _given(
        body=None if data is None else values.json_body(data),
        body_text=text,
        body_bytes=None if file is None else values.read(file),
    )


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
