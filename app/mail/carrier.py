"""What carries a letter out of here, and how it says that it could not."""

from typing import Protocol
from uuid import UUID

import msgspec

from app.mail.letters import Letter


class Undelivered(msgspec.Struct, frozen=True):
    """Nobody took the letter."""

    reason: str
    """For the operator; holds nothing of the letter."""
    permanent: bool
    """Whether another try is pointless."""


class Carrier(Protocol):
    """Hands one letter on. `mail_id` is the same on every try, so that a repeat can be recognised."""

    keeps: bool
    """Whether the letter stays readable here after it was sent."""

    async def carry(self, letter: Letter, mail_id: UUID) -> Undelivered | None:
        """None once it was handed on."""
        ...
