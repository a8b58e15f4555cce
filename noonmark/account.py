"""Who is asking, how one signs in, and what receivers verify with."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from noonmark import calls
from noonmark.calls import Call
from noonmark.model import Me, Page, SigningSecret
from noonmark.options import seconds

_me = msgspec.json.Decoder(Me).decode
_secrets = msgspec.json.Decoder(Page[SigningSecret]).decode


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What signing in gives. Short-lived: make an API token of it."""

    access_token: str
    refresh_token: str | None = None

    def __repr__(self) -> str:
        return "Session(…)"


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """A mail that development keeps instead of sending it."""

    link: str
    created_at: datetime

    def __repr__(self) -> str:
        return f"Mail({self.created_at.isoformat()})"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that the server looked at."""

    name: str
    verdict: str
    """`fine`, `warning` or `failing`."""
    value: float | None = None
    """In the unit that the name ends with."""
    trouble: str | None = None
    advice: str | None = None
    """What to do about it."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the installation."""

    verdict: str
    findings: tuple[Finding, ...] = ()


_report = msgspec.json.Decoder(Report).decode
_session = msgspec.json.Decoder(Session).decode
_mails = msgspec.json.Decoder(Page[Mail]).decode


def me() -> Call[Me]:
    """Whom the token belongs to."""
    return calls.get("/v1/me", _me)


def signing_secrets() -> Call[tuple[SigningSecret, ...]]:
    """All that sign now, newest first; verify with any of them."""
    return calls.get("/v1/signing-secrets", lambda answer: _secrets(answer).items)


def rotate(*, overlap: timedelta | float = timedelta(days=1)) -> Call[tuple[SigningSecret, ...]]:
    """A new secret signs first; the others sign too for the overlap. All of them are given.

    Not repeated when its answer is lost: look with `list` then.
    """
    body = {"overlap_seconds": round(seconds(overlap))}
    return calls.post("/v1/signing-secrets/rotate", lambda answer: _secrets(answer).items, body)


def ask_for_link(email: str) -> Call[None]:
    """Have a sign-in link mailed."""
    call = calls.post("/v1/auth/magic-link", calls.nothing, {"email": email})
    return calls.public(call)


def verify(token: str) -> Call[Session]:
    """Spend a link's token; it works once."""
    return calls.public(calls.post("/v1/auth/verify", _session, {"token": token}))


def outbox(email: str) -> Call[tuple[Mail, ...]]:
    """Mails to this address, newest first; in development only, and only on the server's machine."""
    query = (("to", email),)
    return calls.get("/dev/outbox", lambda answer: _mails(answer).items, query, private=False)


def leave() -> Call[None]:
    """End the session that asks."""
    return calls.post("/v1/auth/logout", calls.nothing)


def health(path: str) -> Call[Any]:
    """`/healthz` or `/readyz`: whether it runs, and whether it can serve."""
    return calls.get(path, msgspec.json.decode, private=False)


def doctor() -> Call[Report]:
    """What the server finds when it examines the installation; takes the admin scope."""
    return calls.get("/v1/doctor", _report)
