"""`python -m app reseal`: so that an old master key can be taken out of the settings.

1. Put the new key first in NOONMARK_MASTER_KEYS, keep the old one behind it, restart every process.
2. Run this, once. It may be repeated at any time, and stopped: each batch is complete in itself.
3. Take the old key out.

What does not open is left as it is, counted, and makes the command fail: the old key is still needed for it,
or it is broken.
"""

import msgspec

from app.resealing import store
from app.resealing.store import PLACES, Place, Value
from core import log
from core.db import Database
from core.sealing import Keyring, SealBroken

_BATCH = 500

_log = log.get(__name__)


class Resealed(msgspec.Struct, frozen=True):
    """What became of a place's values."""

    resealed: int = 0
    broken: int = 0

    def __add__(self, other: "Resealed") -> "Resealed":
        return Resealed(self.resealed + other.resealed, self.broken + other.broken)


async def reseal(database: Database, keyring: Keyring, *, batch: int = _BATCH) -> Resealed:
    """Seal anew everything that another key than today's has sealed."""
    total = Resealed()
    for place in PLACES:
        done = await _reseal(database, keyring, place, batch)
        _log.info("resealed", table=place.table, count=done.resealed, broken=done.broken)
        total += done
    return total


async def _reseal(database: Database, keyring: Keyring, place: Place, batch: int) -> Resealed:
    total, after = Resealed(), None
    while True:
        async with database.raw() as db:
            values = await store.page(db, place, after=after, limit=batch)
            if not values:
                return total
            old = [value for value in values if not keyring.is_current(value.sealed)]
            fresh = [
                (value, sealed) for value in old if (sealed := _fresh(value, keyring, place)) is not None
            ]
            replaced = await store.replace(db, place, fresh) if fresh else 0
        total += Resealed(replaced, broken=len(old) - len(fresh))
        after = values[-1].id


def _fresh(value: Value, keyring: Keyring, place: Place) -> bytes | None:
    context = place.context(value.owner)
    try:
        return keyring.seal(keyring.open(value.sealed, context=context), context=context)
    except SealBroken:
        return None
