"""What every command shares: the options that may stand anywhere, the client, and how results are written.

Results go to stdout and nothing else does. `-o json` writes the API's answer byte for byte, `-o id` one id a
line; both are for programs. Errors go to stderr with their code and request id (see `noonmark.command.main`).
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar
from uuid import UUID

import click
import httpx
import msgspec

from noonmark import calls
from noonmark.calls import Listing, Talk
from noonmark.client import Client
from noonmark.command import configuration, table
from noonmark.command.configuration import Configuration
from noonmark.command.table import Column
from noonmark.conversation import Told
from noonmark.errors import NoonmarkError
from noonmark.model import LogLine, Many
from noonmark.retrying import Retrying

T = TypeVar("T")

FORMATS = ("table", "json", "id")

_PATIENCE = Retrying(budget_seconds=20)


class Named(Protocol):
    """Whatever has an id, or a name that serves as one."""

    @property
    def id(self) -> UUID | str: ...


N = TypeVar("N", bound=Named)


class _RawPage(msgspec.Struct):
    items: list[msgspec.Raw]
    next_cursor: str | None = None


@dataclass
class Console:
    """One invocation of jobctl."""

    url: str | None = None
    token: str | None = None
    output: str = "table"
    http: httpx.Client | None = None
    sleep: Callable[[float], None] = time.sleep
    patience: Retrying = _PATIENCE
    timeout: float = 15.0
    waited: bool = False
    """Whether somebody was told that it takes longer."""

    @property
    def configuration(self) -> Configuration:
        """Address and token, by flag, environment and file."""
        return configuration.resolve(self.url, self.token)

    def client(self, *, token: str | None = None) -> Client:
        """A client of the configured server; with another token, if one is given."""
        known = self.configuration
        try:
            return Client(
                known.url,
                token or known.token,
                timeout=self.timeout,
                retrying=replace(self.patience, told=self._wait),
                http=self.http,
                sleep=self.sleep,
            )
        except ValueError as error:
            raise click.UsageError(str(error)) from error

    def ask(self, talk: Talk[T]) -> Told[T]:
        """Carry a talk out with a client of its own."""
        with self.client() as client:
            return client.ask(talk)

    def say(self, text: str) -> None:
        """A line for people, on stdout, in colour where that is wanted."""
        click.echo(text, color=False if os.environ.get("NO_COLOR") else None)

    def note(self, text: str) -> None:
        """A line for people that must not get into a pipe."""
        click.echo(text, err=True)

    def printed(self, line: LogLine) -> None:
        """A line of a job, to where the job printed it. What steers a terminal does not reach ours."""
        err = line.stream == "stderr"
        if self.output == "json":
            click.echo(msgspec.json.encode(line))
        elif self.output == "id":
            click.echo(line.position)
        else:
            watched = (sys.stderr if err else sys.stdout).isatty()
            click.echo(
                table.plain(line.text) if watched else line.text, err=err, nl=line.mark != "cut", color=True
            )

    def one(self, told: Told[N], text: Callable[[N], str]) -> None:
        """Show one thing."""
        if self.output == "json":
            self.exactly(told)
        elif self.output == "id":
            self.say(str(told.value.id))
        else:
            self.say(text(told.value))

    def few(self, told: Told[Sequence[T]], columns: Sequence[Column[T]], name: Callable[[T], Any]) -> None:
        """Show a list that comes whole."""
        if self.output == "json":
            self.exactly(told)
        elif self.output == "id":
            self._lines(name(item) for item in told.value)
        else:
            self.say(table.rows(columns, told.value, width=table.terminal_width()))

    def many(self, listing: Listing[N], columns: Sequence[Column[N]], *, every: bool) -> None:
        """Show a page of a list, or all of its pages as one."""
        found: list[N] = []
        raw: list[msgspec.Raw] = []
        with self.client() as client:
            while True:
                told = client.ask(listing)
                found += told.value.items
                cursor = told.value.next_cursor
                if not every:
                    break
                raw += _raw(told).items
                if cursor is None:
                    break
                listing = calls.after(listing, cursor)
        if self.output == "id":
            self._lines(item.id for item in found)
        elif self.output == "table":
            self.say(table.rows(columns, found, width=table.terminal_width()))
            if cursor is not None:
                self.note(f"There is more: --cursor {cursor}, or --all.")
        elif every:
            click.echo(msgspec.json.encode(_RawPage(raw)))
        else:
            self.exactly(told)

    def counts(self, told: Told[Many]) -> None:
        """Show what was done to many; it may have taken several answers."""
        if self.output == "json":
            click.echo(msgspec.json.encode(told.value))
        else:
            self.say(table.facts(list(msgspec.structs.asdict(told.value).items())))

    def exactly(self, told: Told[Any]) -> None:
        """The API's answer, as it came."""
        if told.response is not None:
            click.echo(told.response.content.rstrip(b"\n"))

    def _wait(self, error: NoonmarkError, _seconds: float) -> None:
        """Say so once: silence looks like a program that hangs."""
        if not self.waited:
            self.note(f"jobctl: {error}; trying again for up to {self.patience.budget_seconds:g} s")
        self.waited = True

    def _lines(self, ids: Any) -> None:
        for each in ids:
            self.say(str(each))


def _raw(told: Told[Any]) -> _RawPage:
    assert told.response is not None
    return msgspec.json.decode(told.response.content, type=_RawPage)


def of(context: click.Context) -> Console:
    """The console of this invocation."""
    return context.ensure_object(Console)


class Leaf(click.Command):
    """A command that takes the shared options too, so that they may stand at the end of a line."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(shared_options())


def shared_options() -> list[click.Parameter]:
    """Fresh ones: a parameter belongs to one command."""
    return [
        click.Option(
            ["--url"],
            metavar="URL",
            expose_value=False,
            callback=_keep,
            help="The server. Else NOONMARK_URL, else as logged in.",
        ),
        click.Option(
            ["--token"],
            metavar="TOKEN",
            expose_value=False,
            callback=_keep,
            help="An API token. Else NOONMARK_TOKEN, else as logged in.",
        ),
        click.Option(
            ["-o", "--output"],
            type=click.Choice(FORMATS),
            expose_value=False,
            callback=_keep,
            help="How to write results; table unless given.",
        ),
    ]


def _keep(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    """The one nearest to the end of the line counts."""
    if value is not None and parameter.name is not None:
        setattr(of(context), parameter.name, value)
