"""Credentials of registries, in the file that `docker login` writes. Nothing of them is ever shown or logged.

    {"auths": {"registry.example": {"auth": "base64 of user:password"}}}

`username` with `password`, `identitytoken` and `registrytoken` are understood as well. The file is read at
each pull, so that a rotated one counts at once. What other programs would have to be asked for is not there.
"""

import binascii
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from core.egress.images import DOCKER_HUB


class CredentialsBroken(Exception):
    """The file cannot be read, or is none; says which, and nothing of what it holds."""


class _Entry(msgspec.Struct, frozen=True):
    auth: str = ""
    username: str = ""
    password: str = ""
    identitytoken: str = ""
    registrytoken: str = ""


class _File(msgspec.Struct, frozen=True):
    auths: dict[str, _Entry] = {}


def of(file: Path | None, registry: str) -> dict[str, str] | None:
    """What the engine is told of a registry, `docker.io` or a host; none without a credential for it.

    Raises CredentialsBroken. Blocks: call it in a thread.
    """
    if file is None:
        return None
    found = {_host(name): entry for name, entry in read(file).items()}.get(registry)
    return None if found is None else _told(found, registry)


def read(file: Path) -> dict[str, _Entry]:
    """What the file holds, by what it calls the registries. Raises CredentialsBroken."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=_File).auths
    except OSError as error:
        raise CredentialsBroken(f"it cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise CredentialsBroken("it is not written as `docker login` writes it") from None


def _host(name: str) -> str:
    """`https://index.docker.io/v1/` is Docker Hub's own spelling of itself."""
    host = (urlsplit(name).netloc if "://" in name else name.partition("/")[0]).lower()
    return DOCKER_HUB if host in ("index.docker.io", "registry-1.docker.io") else host


def _told(entry: _Entry, registry: str) -> dict[str, str]:
    username, password = entry.username, entry.password
    if entry.auth:
        try:
            username, _, password = binascii.a2b_base64(entry.auth).decode().partition(":")
        except (ValueError, UnicodeDecodeError):
            raise CredentialsBroken("an `auth` in it is not base64 of user:password") from None
    given = {
        "username": username,
        "password": password.rstrip("\0"),
        "identitytoken": entry.identitytoken,
        "registrytoken": entry.registrytoken,
        "serveraddress": registry,
    }
    return {name: value for name, value in given.items() if value}
