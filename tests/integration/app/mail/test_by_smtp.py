"""Handing mail to an SMTP server, one that is ours and answers as told."""

import asyncio
from collections.abc import AsyncIterator
from email import message_from_string
from uuid import UUID

import pytest

from app.mail import letters
from app.mail.by_smtp import BySmtp, parse
from app.mail.carrier import Undelivered

LETTER = letters.sign_in(to="a@x.io", link="https://noonmark.test/sign-in#token=abc")


class Mailbox:
    """A tiny SMTP server: keeps what it is given, refuses the recipient with the code it was told."""

    def __init__(self) -> None:
        self.verdict = "250 ok"
        self.commands: list[str] = []
        self.mails: list[str] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := (await reader.readline()).decode().rstrip("\r\n"):
            self.commands.append(line)
            writer.write(f"{self._answer(line)}\r\n".encode())
            if line.upper() == "DATA":
                self.mails.append((await reader.readuntil(b"\r\n.\r\n")).decode())
                writer.write(b"250 taken\r\n")
        writer.close()

    def _answer(self, line: str) -> str:
        match line.split(" ")[0].upper():
            case "RCPT":
                return self.verdict
            case "DATA":
                return "354 go on"
            case "QUIT":
                return "221 bye"
            case _:
                return "250 ok"


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    box = Mailbox()
    server = await asyncio.start_server(box.serve, "127.0.0.1", 0)
    box.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield box
    server.close()
    await server.wait_closed()


async def carry(mailbox: Mailbox) -> Undelivered | None:
    return await BySmtp(parse(mailbox.url), sender="Noonmark <n@noonmark.test>").carry(LETTER, UUID(int=7))


async def test_the_letter_arrives_whole(mailbox: Mailbox) -> None:
    assert await carry(mailbox) is None
    (mail,) = mailbox.mails
    read = message_from_string(mail)
    assert (read["To"], read["Subject"]) == ("a@x.io", LETTER.subject)
    assert LETTER.link in mail.replace("=\r\n", "").replace("=3D", "=")


async def test_there_is_one_recipient_and_our_sender(mailbox: Mailbox) -> None:
    await carry(mailbox)
    envelope = [line for line in mailbox.commands if line.upper().startswith(("MAIL", "RCPT"))]
    assert [line.split(":")[1].split(">")[0] for line in envelope] == ["<n@noonmark.test", "<a@x.io"]


@pytest.mark.parametrize(("verdict", "permanent"), [("550 no such mailbox", True), ("451 busy", False)])
async def test_the_servers_code_says_whether_to_try_again(
    mailbox: Mailbox, verdict: str, permanent: bool
) -> None:
    mailbox.verdict = verdict
    assert await carry(mailbox) == Undelivered(reason=f"smtp {verdict[:3]}", permanent=permanent)


async def test_no_server_is_a_reason_to_try_again() -> None:
    found = await BySmtp(parse("smtp://127.0.0.1:1"), sender="n@x.io").carry(LETTER, UUID(int=7))
    assert found is not None
    assert not found.permanent
