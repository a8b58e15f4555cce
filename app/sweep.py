"""What sign-in and mail leave behind is deleted when nothing can need it any more.

Any number of processes may sweep: rows that another one is deleting are skipped.
"""

from app.mail import store as mails
from app.users import store as users
from core.db import Database

_BATCH = 1000


async def once(database: Database) -> int:
    """One batch of each kind; how many rows went."""
    async with database.begin() as connection:
        gone = await users.prune(connection, limit=_BATCH)
        return gone + await mails.prune(connection, limit=_BATCH)
