"""Mails as development shows them."""

from datetime import datetime

import msgspec


class Mail(msgspec.Struct, frozen=True):
    """A mail that would have been sent."""

    to: str
    subject: str
    text: str
    html: str
    link: str
    created_at: datetime


class Outbox(msgspec.Struct, frozen=True):
    """The newest mails, newest first."""

    items: list[Mail]
