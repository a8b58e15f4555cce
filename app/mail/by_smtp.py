"""Mail through an SMTP server, `smtp[s]://user:password@host:port`.

A password never crosses a network in the clear: with credentials, STARTTLS is required unless the server is
this machine. SMTP knows no idempotency key; after a crash between sending and marking, the mail goes out
twice with the same Message-ID.
"""

from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr
from urllib.parse import unquote, urlsplit
from uuid import UUID

import aiosmtplib
import msgspec

from app.mail.carrier import Undelivered
from app.mail.letters import Letter
from core.errors import SettingError

_SECONDS = 30.0
_LOCAL = {"localhost", "127.0.0.1", "::1"}


class Server(msgspec.Struct, frozen=True):
    """Where and how to hand mail in."""

    host: str
    port: int
    username: str | None
    password: str | None
    tls: bool
    """From the first byte."""
    starttls: bool | None
    """None takes it where it is offered."""

    def __repr__(self) -> str:
        return f"Server({self.host}:{self.port})"


class BySmtp:
    """Carries letters to an SMTP server."""

    keeps = False

    def __init__(self, server: Server, *, sender: str) -> None:
        self._server = server
        self._sender = sender

    async def carry(self, letter: Letter, mail_id: UUID) -> Undelivered | None:
        """None once the server took it."""
        server = self._server
        try:
            await aiosmtplib.send(
                message(letter, mail_id, sender=self._sender),
                recipients=[letter.to],
                sender=parseaddr(self._sender)[1],
                hostname=server.host,
                port=server.port,
                username=server.username,
                password=server.password,
                use_tls=server.tls,
                start_tls=server.starttls,
                timeout=_SECONDS,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            return _refused(error.recipients[0].code)
        except aiosmtplib.SMTPResponseException as error:
            return _refused(error.code)
        except (aiosmtplib.SMTPException, OSError) as error:
            return Undelivered(reason=f"smtp {type(error).__name__}", permanent=False)
        return None


def parse(url: str) -> Server:
    """Raises SettingError if the setting is no address of a mail server."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        raise SettingError("SMTP_URL", "has no valid port") from None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise SettingError("SMTP_URL", "must be smtp[s]://user:password@host:port")
    tls = parts.scheme == "smtps"
    required = parts.username is not None and parts.hostname not in _LOCAL
    return Server(
        host=parts.hostname,
        port=port or (465 if tls else 587),
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        tls=tls,
        starttls=False if tls else (True if required else None),
    )


def message(letter: Letter, mail_id: UUID, *, sender: str) -> EmailMessage:
    """The letter as a mail; a header that would break out of its line raises ValueError."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = letter.to
    mail["Subject"] = letter.subject
    mail["Message-ID"] = f"<{mail_id}@{parseaddr(sender)[1].rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(letter.text)
    mail.add_alternative(letter.html, subtype="html")
    return mail


def _refused(code: int) -> Undelivered:
    return Undelivered(reason=f"smtp {code}", permanent=500 <= code < 600)
