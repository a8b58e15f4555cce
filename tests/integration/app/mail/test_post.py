"""The mail loop: every mail once, whatever fails, and no live link left behind."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.mail.carrier import Undelivered
from app.mail.letters import Letter
from app.mail.service import Development, Nobody, Post, choose
from core.db import Database
from core.sealing import Keyring, parse_keys
from core.settings import Settings
from tests.integration.app.conftest import SignIn


class Recording:
    """Takes letters, or fails as told."""

    keeps = False

    def __init__(self, *failures: Undelivered | None) -> None:
        self.carried: list[tuple[UUID, Letter]] = []
        self._failures = list(failures)

    async def carry(self, letter: Letter, mail_id: UUID) -> Undelivered | None:
        self.carried.append((mail_id, letter))
        return self._failures.pop(0) if self._failures else None


class Died(Exception):
    """Stands for the end of a process."""


LATER = Undelivered(reason="busy", permanent=False)
NEVER = Undelivered(reason="no such mailbox", permanent=True)


async def ask(api: httpx.AsyncClient, *emails: str) -> None:
    for email in emails:
        await api.post("/v1/auth/magic-link", json={"email": email})


async def row(database: Database) -> Any:
    async with database.raw() as connection:
        return await connection.fetchrow("SELECT *, now() AS now FROM mails")


async def due_again(database: Database) -> None:
    async with database.raw() as connection:
        await connection.execute("UPDATE mails SET due_at = now()")


async def test_asking_sends_nothing_before_the_answer(api: httpx.AsyncClient, database: Database) -> None:
    await ask(api, "a@x.io")
    assert (await row(database))["sent_at"] is None


async def test_a_mail_is_sent_once_and_its_content_dropped(
    api: httpx.AsyncClient, database: Database, keyring: Keyring
) -> None:
    await ask(api, "a@x.io")
    recording = Recording()
    post = Post(database, keyring, recording)
    assert [await post.once(), await post.once()] == [1, 0]
    ((_, letter),) = recording.carried
    assert letter.to == "a@x.io"
    assert letter.link in letter.text
    kept = await row(database)
    assert kept["sent_at"] is not None
    assert kept["sealed"] is None


async def test_processes_share_the_work(api: httpx.AsyncClient, database: Database, keyring: Keyring) -> None:
    await ask(api, *(f"a{number}@x.io" for number in range(12)))
    recording = Recording()
    posts = [Post(database, keyring, recording) for _ in range(4)]
    await asyncio.gather(*(post.once() for post in posts))
    sent = [letter.to for _, letter in recording.carried]
    assert len(sent) == len(set(sent)) == 12


async def test_a_temporary_failure_is_put_off_and_sent_later_under_the_same_id(
    api: httpx.AsyncClient, database: Database, keyring: Keyring
) -> None:
    await ask(api, "a@x.io")
    recording = Recording(LATER)
    post = Post(database, keyring, recording)
    assert [await post.once(), await post.once()] == [1, 0]
    put_off = await row(database)
    assert put_off["last_error"] == "busy"
    assert 0 < (put_off["due_at"] - put_off["now"]).total_seconds() <= 5
    await due_again(database)
    assert await post.once() == 1
    assert recording.carried[0] == recording.carried[1]
    assert (await row(database))["sent_at"] is not None


async def test_a_permanent_failure_ends_it(
    api: httpx.AsyncClient, database: Database, keyring: Keyring
) -> None:
    await ask(api, "a@x.io")
    post = Post(database, keyring, Recording(NEVER))
    await post.once()
    await due_again(database)
    assert await post.once() == 0
    failed = await row(database)
    assert failed["failed_at"] is not None
    assert failed["sealed"] is None
    assert failed["last_error"] == "no such mailbox"


async def test_a_process_that_died_while_sending_is_made_good_with_the_same_id(
    api: httpx.AsyncClient, database: Database, keyring: Keyring
) -> None:
    class Dying(Recording):
        async def carry(self, letter: Letter, mail_id: UUID) -> Undelivered | None:
            await super().carry(letter, mail_id)
            raise Died

    await ask(api, "a@x.io")
    dying, recording = Dying(), Recording()
    with pytest.raises(Died):
        await Post(database, keyring, dying).once()
    assert await Post(database, keyring, recording).once() == 0
    await due_again(database)
    assert await Post(database, keyring, recording).once() == 1
    assert recording.carried == dying.carried


async def test_a_mail_older_than_its_link_is_not_sent(
    api: httpx.AsyncClient, database: Database, keyring: Keyring
) -> None:
    await ask(api, "a@x.io")
    async with database.raw() as connection:
        await connection.execute("UPDATE mails SET created_at = now() - interval '16 minutes'")
    recording = Recording()
    await Post(database, keyring, recording).once()
    assert recording.carried == []
    assert (await row(database))["failed_at"] is not None


async def test_a_mail_that_does_not_open_does_not_stop_the_others(
    api: httpx.AsyncClient, database: Database, keyring: Keyring
) -> None:
    await ask(api, "a@x.io", "b@x.io")
    async with database.raw() as connection:
        await connection.execute("UPDATE mails SET sealed = '\\x00' WHERE recipient = 'a@x.io'")
    recording = Recording()
    assert await Post(database, keyring, recording).once() == 2
    assert [letter.to for _, letter in recording.carried] == ["b@x.io"]


async def test_a_mail_cannot_be_moved_to_another_row(
    api: httpx.AsyncClient, database: Database, keyring: Keyring
) -> None:
    await ask(api, "a@x.io", "b@x.io")
    async with database.raw() as connection:
        await connection.execute(
            "UPDATE mails SET sealed = (SELECT sealed FROM mails WHERE recipient = 'b@x.io')"
        )
    recording = Recording()
    await Post(database, keyring, recording).once()
    assert [letter.to for _, letter in recording.carried] == ["b@x.io"]


async def test_another_master_key_opens_nothing(
    api: httpx.AsyncClient, database: Database, settings: Settings
) -> None:
    await ask(api, "a@x.io")
    recording = Recording()
    stranger = parse_keys("test:" + "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg=")
    await Post(database, stranger, recording).once()
    assert recording.carried == []


async def test_in_development_the_mail_stays_readable_after_it_was_sent(
    api: httpx.AsyncClient, database: Database, keyring: Keyring, settings: Settings
) -> None:
    await ask(api, "a@x.io")
    assert await Post(database, keyring, choose(settings)).once() == 1
    items = (await api.get("/dev/outbox", params={"to": "A@x.io"})).json()["items"]
    assert [item["to"] for item in items] == ["a@x.io"]


def test_who_carries_mail_follows_from_the_settings(settings: Settings) -> None:
    assert isinstance(choose(settings), Development)
    produced = {name: getattr(settings, name) for name in settings.__struct_fields__} | {"env": "production"}
    assert isinstance(choose(Settings(**produced)), Nobody)


async def test_without_a_mail_service_a_mail_waits_for_one(
    api: httpx.AsyncClient, database: Database, keyring: Keyring
) -> None:
    await ask(api, "a@x.io")
    await Post(database, keyring, Nobody()).once()
    waiting = await row(database)
    assert waiting["sent_at"] is None
    assert waiting["failed_at"] is None
    assert "SMTP_URL" in waiting["last_error"]


async def test_a_slow_mail_service_holds_up_no_answer(
    api: httpx.AsyncClient, database: Database, keyring: Keyring, sign_in: SignIn
) -> None:
    class Stuck(Recording):
        async def carry(self, letter: Letter, mail_id: UUID) -> Undelivered | None:
            await asyncio.Event().wait()
            return None

    await ask(api, "a@x.io")
    stuck = asyncio.create_task(Post(database, keyring, Stuck()).once())
    assert (await sign_in("b@x.io"))["user"]["email"] == "b@x.io"
    stuck.cancel()
    await asyncio.gather(stuck, return_exceptions=True)
