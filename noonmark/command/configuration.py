"""Where jobctl talks to, and as whom: a flag before the environment before the credentials file.

The file holds one server's address and its token, readable by its owner alone. Its token is sent to that
address only: naming another server with `--url` must not hand it the token of this one.
"""

import os
import tempfile
from pathlib import Path

import click
import msgspec

from noonmark.client import DEFAULT_URL


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What `jobctl login` keeps."""

    url: str
    token: str
    token_id: str | None = None
    """Of a token that login made, so that logout can revoke it."""

    def __repr__(self) -> str:
        return f"Credentials({self.url})"


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for one command."""

    url: str
    token: str | None
    url_from: str
    """In words, for people."""
    token_from: str

    def __repr__(self) -> str:
        return f"Configuration({self.url})"


class CredentialsUnreadable(click.ClickException):
    """The file is there, but is not what login writes."""


def path() -> Path:
    """The credentials file."""
    return Path(click.get_app_dir("noonmark")) / "credentials.json"


def stored() -> Credentials | None:
    """What login kept, if anything."""
    try:
        return msgspec.json.decode(path().read_bytes(), type=Credentials)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise CredentialsUnreadable(f"{path()} cannot be read: {error}") from error


def store(credentials: Credentials) -> None:
    """Keep them, readable by nobody else at any moment."""
    place = path()
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Made with mode 0600 under another name, so that a reader sees the old file or the new one, whole.
    handle, name = tempfile.mkstemp(dir=place.parent, prefix=".credentials-")
    with os.fdopen(handle, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(credentials)) + b"\n")
    Path(name).replace(place)


def forget() -> None:
    """Remove the file."""
    path().unlink(missing_ok=True)


def resolve(url: str | None, token: str | None) -> Configuration:
    """The address and the token, and who said so."""
    kept = stored()
    address, url_from = _first(
        (url, "--url"),
        (os.environ.get("NOONMARK_URL"), "NOONMARK_URL"),
        (kept.url if kept is not None else None, str(path())),
        (DEFAULT_URL, "the default"),
    )
    fits = kept is not None and same(kept.url, address or "")
    credential, token_from = _first(
        (token, "--token"),
        (os.environ.get("NOONMARK_TOKEN"), "NOONMARK_TOKEN"),
        (kept.token if kept is not None and fits else None, str(path())),
    )
    return Configuration(
        url=address or DEFAULT_URL, token=credential, url_from=url_from, token_from=token_from
    )


def before_the_file(kept: Credentials) -> list[str]:
    """The variables that keep a command from using what is kept."""
    address, token = os.environ.get("NOONMARK_URL"), os.environ.get("NOONMARK_TOKEN")
    elsewhere = bool(address) and not same(kept.url, address or "")
    return ["NOONMARK_URL"] * elsewhere + ["NOONMARK_TOKEN"] * bool(token)


def same(one: str, other: str) -> bool:
    """Whether two spellings are of one address."""
    return one.rstrip("/").lower() == other.rstrip("/").lower()


def _first(*given: tuple[str | None, str]) -> tuple[str | None, str]:
    """The first that says something, and where it stands."""
    return next(((value, source) for value, source in given if value), (None, "nowhere"))
