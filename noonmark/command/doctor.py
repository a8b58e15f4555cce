"""`jobctl doctor`: what stands between you and a working call, looked at one thing after the other."""

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import click
import msgspec

from noonmark import account
from noonmark.client import Client
from noonmark.command import configuration, console
from noonmark.command.console import Console, Leaf
from noonmark.command.table import Column, rows, terminal_width
from noonmark.conversation import Told
from noonmark.errors import NoonmarkError, NotFound, UnexpectedAnswer
from noonmark.model import Me
from noonmark.retrying import Retrying
from noonmark.version import VERSION

_TOLERABLE_SKEW_SECONDS = 30
_OTHERS = 0o077
_FINE, _FAILING = "fine", "failing"


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    check: str
    result: str
    """`fine`, `warning` or `failing`, as the server has it."""
    detail: str


_COLUMNS: tuple[Column[Finding], ...] = (
    Column("check", lambda finding: finding.check),
    Column("result", lambda finding: finding.result),
    Column("detail", lambda finding: finding.detail),
)


@click.command("doctor", cls=Leaf)
@click.pass_context
def doctor(context: click.Context) -> None:
    """Check the configuration, the server and the token. Exits 1 if anything is failing."""
    here = console.of(context)
    here.patience = Retrying(budget_seconds=0)
    findings = list(_findings(here))
    if here.output == "json":
        click.echo(msgspec.json.encode({"items": findings}))
    else:
        here.say(rows(_COLUMNS, findings, width=terminal_width()))
    if any(finding.result == _FAILING for finding in findings):
        context.exit(1)


def _findings(here: Console) -> Iterator[Finding]:
    known = here.configuration
    yield Finding("client", _FINE, f"noonmark {VERSION}")
    yield Finding("address", _FINE, f"{known.url} (from {known.url_from})")
    yield from _file()
    with here.client() as client:
        try:
            told = client.ask(account.health("/healthz"))
        except NoonmarkError as error:
            yield Finding("server", _FAILING, str(error))
            return
        yield Finding("server", _FINE, "answers")
        yield from _clock(told)
        yield _ready(client)
        yield from _token(client, known.token_from)


def _file() -> Iterator[Finding]:
    """Whether only its owner can read the credentials."""
    place = configuration.path()
    if place.exists():
        private = place.stat().st_mode & _OTHERS == 0
        yield Finding(
            "credentials", _result(private), f"{place}" + ("" if private else " can be read by others")
        )


def _clock(told: Told[Any]) -> Iterator[Finding]:
    """How far this clock and the server's are apart; times are typed by this one and kept by that one."""
    date = told.response.headers.get("date") if told.response is not None else None
    if date is None:
        return
    apart = (datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds()
    yield Finding("clock", _result(abs(apart) < _TOLERABLE_SKEW_SECONDS), f"{apart:+.0f} s from the server's")


def _ready(client: Client) -> Finding:
    try:
        client.ask(account.health("/readyz"))
    except NoonmarkError as error:
        return Finding("ready", _FAILING, str(error))
    return Finding("ready", _FINE, "can serve")


def _token(client: Client, source: str) -> Iterator[Finding]:
    try:
        who = client.me()
    except NoonmarkError as error:
        yield Finding("token", _FAILING, f"{error} (from {source})")
        return
    name = who.user.email if who.user is not None else who.tenant.name
    yield Finding("token", _FINE, f"of {name} (from {source})")
    yield from _installation(client, who)


def _installation(client: Client, who: Me) -> Iterator[Finding]:
    """What the server says of itself, to whom it does."""
    if "admin" not in who.scopes:
        return
    try:
        report = client.ask(account.doctor()).value
    except (NotFound, UnexpectedAnswer):
        return  # A server that does not examine itself.
    except NoonmarkError as error:
        yield Finding("installation", _FAILING, str(error))
        return
    for each in report.findings:
        value = "" if each.value is None else f"{each.value:g}"
        yield Finding(each.name, each.verdict, "; ".join(filter(None, (each.trouble, each.advice))) or value)


def _result(good: bool) -> str:
    return _FINE if good else _FAILING
