"""The loop that sends mail. Any number of processes may run it.

    claim (due time pushed ahead) ── committed ── carry ── mark sent, put off, or give up

No transaction is open while a mail server is being talked to. If this process dies between carrying and
marking, the mail is due again and is carried with the same id.
"""

import asyncio
from datetime import timedelta
from uuid import UUID

import msgspec

from app.mail import letters
from app.mail import store as mails
from app.mail.by_resend import ByResend
from app.mail.by_smtp import BySmtp, parse
from app.mail.carrier import Carrier, Undelivered
from app.mail.letters import Letter
from app.mail.store import Claimed
from core import log, metrics
from core.db import Database
from core.sealing import Keyring, SealBroken
from core.settings import Settings

_log = log.get(__name__)
_BATCH = 10
_HOLD = timedelta(seconds=60)
"""Longer than any carrier takes, so that nobody else carries the same mail meanwhile."""
_LIFETIME = timedelta(minutes=15)
"""That of the link inside; an older mail is of no use to anybody."""
_FIRST_WAIT = timedelta(seconds=5)
_WORTHLESS = Undelivered(reason="older than its link", permanent=True)


class Development:
    """Carries nothing anywhere: the mail stays here, to be read at /dev/outbox."""

    keeps = True

    async def carry(self, letter: Letter, mail_id: UUID) -> Undelivered | None:
        """Say where it can be read; the link itself is not for logs."""
        _log.info("mail_kept", to=letter.to, subject=letter.subject, read_at=f"/dev/outbox?to={letter.to}")
        return None


class Nobody:
    """Carries nothing: no mail service is configured."""

    keeps = False

    async def carry(self, letter: Letter, mail_id: UUID) -> Undelivered | None:
        """Leave it for a process that knows one."""
        return Undelivered(reason="neither RESEND_API_KEY nor SMTP_URL is set", permanent=False)


def choose(settings: Settings) -> Carrier:
    """Resend, SMTP, or in development nobody. Raises SettingError if the setting is no mail server."""
    if settings.resend_api_key is not None:
        return ByResend(settings.resend_api_key, sender=settings.mail_from)
    if settings.smtp_url is not None:
        return BySmtp(parse(settings.smtp_url), sender=settings.mail_from)
    return Development() if settings.development else Nobody()


class Post:
    """Sends what is due."""

    def __init__(self, database: Database, keyring: Keyring, carrier: Carrier) -> None:
        self._database = database
        self._keyring = keyring
        self._carrier = carrier

    async def once(self) -> int:
        """Send one batch; how many were claimed."""
        async with self._database.begin() as connection:
            claimed = await mails.claim(connection, limit=_BATCH, hold=_HOLD, lifetime=_LIFETIME)
        seen_to = await asyncio.gather(*map(self._see_to, claimed), return_exceptions=True)
        for error in filter(None, seen_to):
            # After all the others had their turn; this one is due again when its hold runs out.
            raise error
        return len(claimed)

    async def _see_to(self, mail: Claimed) -> None:
        failure = _WORTHLESS if mail.stale else await self._carry(mail)
        async with self._database.begin() as connection:
            if failure is None:
                await mails.sent(connection, mail.id, keep=self._carrier.keeps)
            elif failure.permanent:
                await mails.failed(connection, mail.id, reason=failure.reason)
            else:
                wait = _FIRST_WAIT * 2 ** min(mail.attempts - 1, 6)
                await mails.postpone(connection, mail.id, wait=wait, reason=failure.reason)
        _account(mail, failure)

    async def _carry(self, mail: Claimed) -> Undelivered | None:
        try:
            plain = self._keyring.open(mail.sealed, context=letters.context(mail.id))
        except SealBroken:
            return Undelivered(reason="does not open", permanent=True)
        return await self._carrier.carry(msgspec.json.decode(plain, type=Letter), mail.id)


def _account(mail: Claimed, failure: Undelivered | None) -> None:
    if failure is None:
        metrics.mails.labels("sent").inc()
        return
    metrics.mails.labels("failed" if failure.permanent else "postponed").inc()
    write = _log.error if failure.permanent else _log.warning
    write("mail_not_sent", mail_id=mail.id, attempt=mail.attempts, reason=failure.reason)
