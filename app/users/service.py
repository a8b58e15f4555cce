"""Sign-in, step by step: ask for a link, verify it, refresh, and out again.

Each step is one transaction. What a stranger can make fail is a value (None), not an error.
"""

import time

import msgspec

from app.mail import letters
from app.tenants import service as tenants
from app.users import store as users
from app.users import tokens
from app.users.keys import Keys
from app.users.store import Account, Limits, Offer, Session, Transaction
from app.users.tokens import Access
from core import ids, log
from core.db import Database
from core.sealing import Keyring

_log = log.get(__name__)


class Grant(msgspec.Struct, frozen=True):
    """A session's fresh tokens and whose it is."""

    access_token: str
    refresh_token: str
    me: Account

    def __repr__(self) -> str:
        return "Grant(…)"


class SignIn:
    """The steps, with what all of them need."""

    def __init__(
        self, database: Database, keyring: Keyring, keys: Keys, *, origin: str, limits: Limits
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._keys = keys
        self._origin = origin
        self._limits = limits

    async def ask(self, email: str, *, caller: str) -> None:
        """Write a link and its mail, if the limits allow; the same work whoever asks."""
        token, mail_id = tokens.fresh(), ids.new()
        letter = letters.sign_in(to=email, link=f"{self._origin}/sign-in#token={token}")
        sealed = self._keyring.seal(msgspec.json.encode(letter), context=letters.context(mail_id))
        offer = Offer(
            email=email, caller=caller, token_hash=tokens.hashed(token), mail_id=mail_id, sealed=sealed
        )
        async with self._database.raw() as connection:
            await users.offer_link(connection, offer, self._limits)

    async def verify(self, token: str) -> Grant | None:
        """Spend a link's token and start a session; a first one comes with a tenant of its own."""
        refresh = tokens.fresh()
        async with self._database.begin() as connection:
            email = await users.spend_link(connection, tokens.hashed(token))
            if email is None:
                return None
            await self._welcome(connection, email)
            me = await users.by_email(connection, email)
            session = Session(ids.new(), me.user.id, me.tenant.id)
            await users.start(connection, session, token_hash=tokens.hashed(refresh))
        return self._grant(session, refresh, me)

    async def refresh(self, token: str) -> Grant | None:
        """The successor of a refresh token; one that was used before ends its session."""
        successor = tokens.successor(self._keys, token)
        old, new = tokens.hashed(token), tokens.hashed(successor)
        async with self._database.begin() as connection:
            session = await users.rotate(connection, old=old, new=new)
            if session is None:
                session = await self._repeated(connection, old, new)
            if session is None:
                return None
            me = await users.get(connection, session.user_id, tenant_id=session.tenant_id)
        return None if me is None else self._grant(session, successor, me)

    async def leave(self, session: Session, *, everywhere: bool) -> None:
        """End this session, or all of this user's."""
        async with self._database.begin() as connection:
            if everywhere:
                await users.end_all(connection, session.user_id, tenant_id=session.tenant_id)
            else:
                await users.end(connection, session.session_id, tenant_id=session.tenant_id)

    async def _welcome(self, connection: Transaction, email: str) -> None:
        """At the first sign-in, in the same transaction: the user and what a tenant has from the start."""
        tenant_id = ids.new()
        if await users.register(connection, email, user_id=ids.new(), tenant_id=tenant_id):
            await users.furnish(connection, tenants.start(tenant_id, email, self._keyring))

    async def _repeated(self, connection: Transaction, old: bytes, new: bytes) -> Session | None:
        """The session of a token that was spent a moment ago. Spent earlier, it ends the session."""
        spent = await users.spent(connection, old=old, new=new)
        if spent is None:
            return None
        if spent.graced:
            return spent.session
        await users.end(connection, spent.session.session_id, tenant_id=spent.session.tenant_id)
        _log.warning("refresh_token_reused", session_id=str(spent.session.session_id))
        return None

    def _grant(self, session: Session, refresh: str, me: Account) -> Grant:
        access = Access(user_id=session.user_id, session_id=session.session_id)
        token = tokens.issue(self._keys, access, now=time.time())
        return Grant(access_token=token, refresh_token=refresh, me=me)
