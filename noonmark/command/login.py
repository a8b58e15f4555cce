"""`jobctl login` and `jobctl logout`.

Signing in by a mailed link gives a session of minutes; login makes an API token of it and ends the session,
so that what stands in the credentials file can be seen in `tokens list`, and revoked.
"""

import platform
import sys
from urllib.parse import parse_qs, urlsplit

import click

from noonmark import account, tokens
from noonmark.client import Client
from noonmark.command import configuration, console
from noonmark.command.configuration import Credentials
from noonmark.command.console import Console, Leaf
from noonmark.command.tokens import SCOPES
from noonmark.errors import NoonmarkError
from noonmark.model import FreshToken

_OUTBOX_TRIES = 50
_OUTBOX_SECONDS = 0.2


@click.command("login", cls=Leaf)
@click.argument("address", metavar="[URL]", required=False)
@click.option("--email", help="Where to send the link; asked for unless given.")
@click.option("--dev", is_flag=True, help="Take the link from the outbox of a development server.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(SCOPES),
    default=SCOPES,
    help="What the token may do; everything unless given.",
)
@click.pass_context
def login(
    context: click.Context, address: str | None, email: str | None, dev: bool, scopes: tuple[str, ...]
) -> None:
    """Sign in at a server, and stay signed in.

    A link is mailed to you; paste it here instead of opening it. Whoever has an API token gives it with
    --token instead.
    """
    here = console.of(context)
    here.url = address or here.url
    url = here.configuration.url
    # Refuses an address that is none, before anything is asked.
    here.client().close()
    if here.token is not None:
        kept = Credentials(url=url, token=here.token)
    else:
        fresh = _token(here, email or click.prompt("E-mail", err=True), scopes, dev=dev)
        kept = Credentials(url=url, token=fresh.token, token_id=str(fresh.id))
    with here.client(token=kept.token) as client:
        who = client.me()
    configuration.store(kept)
    name = who.user.email if who.user is not None else who.tenant.name
    here.note(f"Signed in at {url} as {name}; the token is in {configuration.path()}.")
    for variable in configuration.before_the_file(kept):
        here.note(f"{variable} is set and comes before that: unset it.")


@click.command("logout", cls=Leaf)
@click.pass_context
def logout(context: click.Context) -> None:
    """Revoke the token that login made, and forget it."""
    here, kept = console.of(context), configuration.stored()
    if kept is None:
        here.note("Nobody is signed in.")
        return
    configuration.forget()
    here.note(f"{configuration.path()} is removed.")
    if kept.token_id is None:
        here.note("The token was yours before login, and stays valid.")
        return
    here.url = kept.url
    with here.client(token=kept.token) as client:
        try:
            client.tokens.revoke(kept.token_id)
        except (NoonmarkError, ValueError) as error:
            here.note(f"The token may still be valid: {error}")
        else:
            here.note("The token is revoked.")


def _token(here: Console, email: str, scopes: tuple[str, ...], *, dev: bool) -> FreshToken:
    """An API token, by way of a link and a short session."""
    known = here.configuration
    with here.client() as client:
        before = _newest(client, email) if dev else None
        client.ask(account.ask_for_link(email))
        here.note(f"A link is on its way to {email}, if {known.url} sends mail there.")
        if dev:
            link = _follow(here, client, email, before)
        else:
            here.note("Copy it from the mail instead of opening it: it works once.")
            # A prompt that hides what is typed warns where there is no terminal.
            link = click.prompt("The link, or its token", err=True, hide_input=sys.stdin.isatty())
        session = client.ask(account.verify(_spendable(link))).value
    with here.client(token=session.access_token) as client:
        fresh = client.ask(tokens.create(f"jobctl on {platform.node()}", scopes=scopes)).value
        client.ask(account.leave())
    return fresh


def _newest(client: Client, email: str) -> str | None:
    mails = client.ask(account.outbox(email)).value
    return mails[0].link if mails else None


def _follow(here: Console, client: Client, email: str, before: str | None) -> str:
    """The link that was not there before."""
    for _ in range(_OUTBOX_TRIES):
        link = _newest(client, email)
        if link is not None and link != before:
            return link
        here.sleep(_OUTBOX_SECONDS)
    raise click.ClickException(
        "No new link is in the outbox. One may have been asked for too often: wait a minute."
    )


def _spendable(pasted: str) -> str:
    """The token in a link, or what was pasted if it is the token itself."""
    return parse_qs(urlsplit(pasted.strip()).fragment).get("token", [pasted.strip()])[0]
