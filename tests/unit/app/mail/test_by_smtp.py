"""The mail as SMTP sees it, and where it is handed in."""

from email import message_from_bytes
from uuid import UUID

import pytest

from app.mail import letters
from app.mail.by_smtp import message, parse
from core.errors import SettingError

LETTER = letters.sign_in(to="a@x.io", link="https://noonmark.test/sign-in#token=" + "x" * 43)


def test_both_forms_and_one_recipient_are_in_the_mail() -> None:
    sent = message(LETTER, UUID(int=7), sender="Noonmark <n@noonmark.test>").as_bytes()
    read = message_from_bytes(sent)
    assert (read["To"], read["From"]) == ("a@x.io", "Noonmark <n@noonmark.test>")
    assert read["Message-ID"] == f"<{UUID(int=7)}@noonmark.test>"
    kinds = [part.get_content_type() for part in read.walk()]
    assert kinds == ["multipart/alternative", "text/plain", "text/html"]


def test_the_link_survives_the_transport() -> None:
    mail = message(LETTER, UUID(int=7), sender="n@noonmark.test")
    plain = mail.get_body(("plain",))
    assert plain is not None
    assert LETTER.link in plain.get_content()


@pytest.mark.parametrize("to", ["a@x.io\r\nBcc: evil@x.io", "a@x.io\nBcc: evil@x.io"])
def test_a_recipient_cannot_add_headers(to: str) -> None:
    letter = letters.sign_in(to=to, link="https://x.io")
    with pytest.raises(ValueError):
        message(letter, UUID(int=7), sender="n@x.io")


@pytest.mark.parametrize(
    ("url", "host", "port", "tls", "starttls"),
    [
        ("smtp://mail.test", "mail.test", 587, False, None),
        ("smtp://mail.test:25", "mail.test", 25, False, None),
        ("smtps://mail.test", "mail.test", 465, True, False),
        ("smtp://u:p@mail.test", "mail.test", 587, False, True),
        ("smtp://u:p@localhost:1025", "localhost", 1025, False, None),
        ("smtp://[::1]:25", "::1", 25, False, None),
    ],
)
def test_a_password_never_crosses_a_network_in_the_clear(
    url: str, host: str, port: int, tls: bool, starttls: bool | None
) -> None:
    server = parse(url)
    assert (server.host, server.port, server.tls, server.starttls) == (host, port, tls, starttls)


def test_credentials_may_hold_any_character_and_never_show() -> None:
    server = parse("smtp://us%40er:p%2Fw%3A@mail.test")
    assert (server.username, server.password) == ("us@er", "p/w:")
    assert "p/w:" not in repr(server)


@pytest.mark.parametrize(
    "url", ["mail.test", "http://mail.test", "smtp://", "smtp://mail.test:x", "smtp://a:99999"]
)
def test_what_is_no_mail_server_ends_the_process_by_its_name(url: str) -> None:
    with pytest.raises(SettingError, match="SMTP_URL"):
        parse(url)
