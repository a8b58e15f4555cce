"""Bodies: from the form in which one was submitted to the bytes that are stored and sent, and back.

A JSON body is kept as its own text without the spaces between tokens: no number changes its spelling, no key
its place. What was stored is sent as it is, on every attempt and in every replay.
"""

import binascii

import msgspec
from msgspec import UNSET, Raw, UnsetType

from app.errors import Rejected
from app.jobs.schemas import CreateTarget, EditTarget
from core.errors import Fault
from core.jobs.model import BodyKind

MAX_BYTES = 1024 * 1024


class Content(msgspec.Struct, frozen=True):
    """A body to store."""

    kind: BodyKind
    data: bytes


class Forms(msgspec.Struct, frozen=True):
    """A body to show; one of these is set, or none."""

    body: Raw | UnsetType = UNSET
    body_text: str | UnsetType = UNSET
    body_base64: str | UnsetType = UNSET


def taken(target: CreateTarget) -> Content | Fault:
    """The bytes of a submitted body."""
    given = [target.body is not UNSET, target.body_text is not None, target.body_base64 is not None]
    if sum(given) > 1:
        message = "give at most one of body, body_text and body_base64"
        return Fault("conflicting", message, pointer="/target")
    if not isinstance(target.body, UnsetType):
        return Content(BodyKind.JSON, msgspec.json.format(bytes(target.body), indent=-1))
    if target.body_text is not None:
        return Content(BodyKind.TEXT, target.body_text.encode())
    if target.body_base64 is not None:
        return _decoded(target.body_base64)
    return Content(BodyKind.NONE, b"")


def changed(patch: EditTarget) -> Content | Fault | None:
    """The bytes of an edited body, whatever form the old one had; None where it stays. Null takes it away."""
    given = (patch.body, patch.body_text, patch.body_base64)
    if all(form is UNSET for form in given):
        return None
    whole = CreateTarget(
        url="",
        body=UNSET if isinstance(patch.body, UnsetType) or bytes(patch.body) == b"null" else patch.body,
        body_text=None if isinstance(patch.body_text, UnsetType) else patch.body_text,
        body_base64=None if isinstance(patch.body_base64, UnsetType) else patch.body_base64,
    )
    return taken(whole)


def excess(body: Content) -> Rejected | None:
    """The refusal of a body that is too large."""
    if len(body.data) <= MAX_BYTES:
        return None
    return Rejected(413, "payload_too_large", "The job's body is larger than 1 MiB.")


def shown(kind: BodyKind, data: bytes) -> Forms:
    """A stored body in the form it was submitted in."""
    match kind:
        case BodyKind.JSON:
            return Forms(body=Raw(data))
        case BodyKind.TEXT:
            return Forms(body_text=data.decode())
        case BodyKind.BASE64:
            return Forms(body_base64=base64(data))
        case BodyKind.NONE:
            return Forms()


def text(data: bytes, *, truncated: bool = False) -> str | None:
    """A response's body as text; None if it is none. A cut may have gone through its last character."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        if truncated and error.reason == "unexpected end of data":
            return data[: error.start].decode()
        return None


def base64(data: bytes) -> str:
    """Bytes in standard base64."""
    return binascii.b2a_base64(data, newline=False).decode()


def _decoded(given: str) -> Content | Fault:
    try:
        return Content(BodyKind.BASE64, binascii.a2b_base64(given, strict_mode=True))
    except (binascii.Error, ValueError):
        return Fault("wrong_format", "must be standard base64", pointer="/target/body_base64")
