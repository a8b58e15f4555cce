"""`/dev/outbox`: mails that were not sent, for development only.

It shows live sign-in links to anybody who can reach it. So it does not exist outside development, and is
refused to whoever is not on this machine, whatever a proxy or a rebound name says.
"""

from typing import Annotated, Any

import msgspec
from litestar import Request, Router, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from app import addresses, callers
from app.errors import Rejected
from app.mail import letters
from app.mail import store as mails
from app.mail.letters import Letter
from app.mail.schemas import Mail, Outbox
from app.mail.store import Kept
from app.principal import PUBLIC
from core.db import Database
from core.sealing import Keyring

_LIMIT = 50


@get("/outbox", operation_id="readOutbox", opt=PUBLIC)
async def outbox(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    keyring: NamedDependency[Keyring],
    to: Annotated[str | None, QueryParameter(description="Only mails to this address.")] = None,
) -> Outbox:
    """Mails that would have been sent, newest first."""
    if callers.is_forwarded(request.scope) or not callers.is_local(request.scope):
        raise Rejected(403, "forbidden", "The outbox answers only to this machine.")
    recipient = None if to is None else addresses.canonical(to) or ""
    async with database.begin() as connection:
        kept = await mails.kept(connection, recipient=recipient, limit=_LIMIT)
    return Outbox(items=[_opened(mail, keyring) for mail in kept])


def _opened(mail: Kept, keyring: Keyring) -> Mail:
    plain = keyring.open(mail.sealed, context=letters.context(mail.id))
    letter = msgspec.json.decode(plain, type=Letter)
    return Mail(
        to=letter.to,
        subject=letter.subject,
        text=letter.text,
        html=letter.html,
        link=letter.link,
        created_at=mail.created_at,
    )


def router() -> Router:
    """The outbox's route."""
    return Router("/dev", route_handlers=[outbox], include_in_schema=False)
