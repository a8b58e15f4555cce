"""`jobctl tokens …` and `jobctl secrets …`"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import click

from noonmark import account, tokens
from noonmark.command import console, rendering, values
from noonmark.command.console import Leaf

SCOPES = ("jobs:read", "jobs:write", "admin")


@click.group("tokens")
def group() -> None:
    """Credentials for programs."""


@group.command("create", cls=Leaf)
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(SCOPES), default=SCOPES[:2])
@click.option("--expires-in", type=values.duration, metavar="DURATION", help="Never, unless given.")
@click.pass_context
def create(context: click.Context, name: str, scopes: tuple[str, ...], expires_in: timedelta | None) -> None:
    """Create a token. It is shown this once."""
    here = console.of(context)
    expires_at = None if expires_in is None else datetime.now(UTC) + expires_in
    here.one(here.ask(tokens.create(name, scopes=scopes, expires_at=expires_at)), rendering.token)


@group.command("list", cls=Leaf)
@click.option("--limit", type=click.IntRange(1, 100), help="Items on a page.")
@click.option("--cursor", help="Where a page before ended.")
@click.option("--all", "every", is_flag=True, help="All pages.")
@click.pass_context
def listed(context: click.Context, limit: int | None, cursor: str | None, every: bool) -> None:
    """List tokens, without what they open."""
    listing = tokens.listed(limit=limit, cursor=cursor)
    console.of(context).many(listing, rendering.TOKENS, every=every)


@group.command("revoke", cls=Leaf)
@click.argument("token_id", metavar="ID", type=click.UUID)
@click.pass_context
def revoke(context: click.Context, token_id: UUID) -> None:
    """Have a token refused from now on."""
    here = console.of(context)
    here.ask(tokens.revoke(token_id))
    here.note(f"{token_id} is revoked")


@click.group("secrets")
def secrets() -> None:
    """What receivers verify deliveries with."""


@secrets.command("list", cls=Leaf)
@click.pass_context
def secrets_listed(context: click.Context) -> None:
    """List the signing secrets in use, newest first."""
    here = console.of(context)
    here.few(here.ask(account.signing_secrets()), rendering.SECRETS, lambda secret: secret.id)


@secrets.command("rotate", cls=Leaf)
@click.option(
    "--overlap", type=values.duration, default="1d", metavar="DURATION", help="The others sign too so long."
)
@click.pass_context
def rotate(context: click.Context, overlap: timedelta) -> None:
    """Sign with a new secret, and for a while with the old ones too."""
    here = console.of(context)
    here.few(here.ask(account.rotate(overlap=overlap)), rendering.SECRETS, lambda secret: secret.id)
