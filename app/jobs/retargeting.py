"""A changed target: what the patch leaves of the old one, and what is stored of the new one.

Headers are merged by name, in any case, for that is how names of headers are the same. The values of secret
ones are opened only where a patch speaks of headers, and sealed anew only if one of them has changed.

A secret never becomes readable by a change of marks alone: whoever may edit a job may not know its secrets.
"""

from collections.abc import Iterator
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from app.errors import Rejected
from app.jobs import checks, content, masking
from app.jobs.content import Content
from app.jobs.schemas import CreateTarget, EditTarget
from core.egress.guard import Egress
from core.errors import Fault, Invalid
from core.jobs.model import BodyKind, HttpTarget
from core.sealing import Keyring
from core.tenants.store import header_context

_encoder = msgspec.json.Encoder()
_targets = msgspec.json.Decoder(HttpTarget)
_words = msgspec.json.Decoder(dict[str, str])
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_DEFAULT = HttpTarget(url="")
_UNCHANGED = Content(BodyKind.NONE, b"")


class Means(msgspec.Struct, frozen=True):
    """What it takes to judge a target and to seal it."""

    keyring: Keyring
    egress: Egress
    tenant: UUID

    def open(self, sealed: bytes) -> dict[str, str]:
        """Secret headers. Raises SealBroken."""
        return _words.decode(self.keyring.open(sealed, context=header_context(self.tenant)))

    def seal(self, secret: dict[str, str]) -> bytes | None:
        """Secret headers, to be stored."""
        if not secret:
            return None
        return self.keyring.seal(_encoder.encode(secret), context=header_context(self.tenant))


class Draft(msgspec.Struct, frozen=True):
    """A patch beside what it changes."""

    patch: EditTarget
    body: Content | Fault | None
    """The new one, if there is one."""
    old: HttpTarget
    secret: dict[str, str] = {}
    """The old secret headers, opened if the patch speaks of headers."""

    def merged(self) -> CreateTarget:
        """URL and headers as they will be, to be judged as a new job's."""
        headers = _headers(self.patch, self.old.headers | self.secret)
        url = self.old.url if isinstance(self.patch.url, UnsetType) else self.patch.url
        return CreateTarget(url=url, headers=headers, secret_headers=_marks(self.patch, self.old, headers))

    def faults(self) -> Iterator[Fault]:
        """Everything wrong with the new target."""
        new = self.merged()
        yield from checks.target(new, self.body or _UNCHANGED)
        for name in self.secret:
            stays = name in new.headers and name.lower() not in _given(self.patch)
            if stays and not masking.is_secret(name, new.secret_headers):
                message = f"{name} stays secret unless its value is given anew"
                yield Fault("masked_value", message, pointer="/target/secret_headers")

    def refusal(self, means: Means) -> Invalid | Rejected | None:
        """What is told only of a target with no fault."""
        large = content.excess(self.body) if isinstance(self.body, Content) else None
        return checks.destination(self.merged().url, means.egress) or large


class Retargeted(msgspec.Struct, frozen=True):
    """What is stored of a target besides its body."""

    target: str
    """JSON."""
    sealed_headers: bytes | None


def is_http(kept: Retargeted) -> bool:
    """Whether it is a request; code has no URL."""
    return "url" in _members.decode(kept.target)


def draft(
    patch: EditTarget, body: Content | Fault | None, kept: Retargeted, means: Means | None = None
) -> Draft:
    """The patch beside what it changes."""
    old = _targets.decode(kept.target)
    if kept.sealed_headers is None or means is None or not _has_headers(patch):
        return Draft(patch, body, old)
    return Draft(patch, body, old, means.open(kept.sealed_headers))


def retargeted(draft: Draft, kept: Retargeted, means: Means) -> Retargeted:
    """What to store in its place. The seal of secrets that stay as they are is not touched."""
    patch, old, new = draft.patch, draft.old, draft.merged()
    target = HttpTarget(
        url=new.url,
        method=old.method if isinstance(patch.method, UnsetType) else patch.method or _DEFAULT.method,
        headers=old.headers,
        secret_headers=old.secret_headers,
        body_kind=draft.body.kind if isinstance(draft.body, Content) else old.body_kind,
        definition=old.definition,
    )
    if not _has_headers(patch):
        return Retargeted(_encoder.encode(target).decode(), kept.sealed_headers)
    plain, secret = masking.divide(new.headers, new.secret_headers)
    target = msgspec.structs.replace(target, headers=plain, secret_headers=tuple(secret))
    sealed = kept.sealed_headers if secret == draft.secret else means.seal(secret)
    return Retargeted(_encoder.encode(target).decode(), sealed)


def names(patch: EditTarget) -> list[str]:
    """What the patch speaks of."""
    spoken = [name for name in EditTarget.__struct_fields__ if getattr(patch, name) is not UNSET]
    return sorted({f"target.{'body' if name.startswith('body') else name}" for name in spoken})


def _has_headers(patch: EditTarget) -> bool:
    return patch.headers is not UNSET or patch.secret_headers is not UNSET


def _headers(patch: EditTarget, old: dict[str, str]) -> dict[str, str]:
    if patch.headers is None:
        return {}
    given = _given(patch)
    stay = {name: value for name, value in old.items() if name.lower() not in given}
    spoken = {} if isinstance(patch.headers, UnsetType) else patch.headers
    return stay | {name: value for name, value in spoken.items() if value is not None}


def _given(patch: EditTarget) -> set[str]:
    """Names of the headers that the patch sets or takes away."""
    return {name.lower() for name in patch.headers} if isinstance(patch.headers, dict) else set()


def _marks(patch: EditTarget, old: HttpTarget, headers: dict[str, str]) -> tuple[str, ...]:
    """Those of the patch, or the old ones of headers that are still there."""
    if not isinstance(patch.secret_headers, UnsetType):
        return patch.secret_headers or ()
    there = {name.lower() for name in headers}
    return tuple(name for name in old.secret_headers if name.lower() in there)
