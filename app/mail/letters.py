"""What our mails say. Templates are plain files; whatever goes into HTML is escaped here and nowhere else."""

import html
from functools import lru_cache
from pathlib import Path
from string import Template
from uuid import UUID

import msgspec

_FOLDER = Path(__file__).parent / "templates"


class Letter(msgspec.Struct, frozen=True):
    """One mail to one recipient."""

    to: str
    """A canonical address."""
    subject: str
    text: str
    html: str
    link: str
    """The one thing the reader is asked to open."""


def sign_in(*, to: str, link: str) -> Letter:
    """The mail with a magic link."""
    values = {"to": to, "link": link}
    escaped = {name: html.escape(value) for name, value in values.items()}
    return Letter(
        to=to,
        subject="Sign in to Noonmark",
        text=_template("sign_in.txt").substitute(values),
        html=_template("sign_in.html").substitute(escaped),
        link=link,
    )


def context(mail_id: UUID) -> str:
    """What a letter at rest is sealed to."""
    return f"{mail_id}|mails"


@lru_cache
def _template(name: str) -> Template:
    return Template((_FOLDER / name).read_text(encoding="utf-8"))
