"""The one parser of references to container images, and the operator's list of what may be run.

A reference comes out as Docker reads it (`alpine` is docker.io/library/alpine:latest) and canonical, so that
the engine can read nothing else into what was judged here. Whatever Docker would reject or read in two ways
is refused: upper case, empty parts, `..`, hosts that only look like names, ids.

Nothing is allowed until the operator lists it, not even images that are already on the host: among them may
be the operator's own, with what is baked into them. `*` stands for any registry that is a public address or
a name, at its usual port; a name is resolved by the engine, which asks no guard. Addresses of cloud metadata
are refused even when they are listed. Nothing here resolves, pulls or asks an engine.
"""

import re
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address

from msgspec import Struct

from core.egress.addresses import parse_address
from core.egress.guard import Egress
from core.egress.urls import Url, parse_url

MAX_REFERENCE = 512
MAX_NAME = 255

DOCKER_HUB = "docker.io"

_ANY = "*"
_LOOPBACK = "localhost"
_BELOW = "x/x"
_PUBLIC = Egress()
_METADATA = frozenset(
    ip_address(host)
    for host in ("169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")
)

_REFERENCE = re.compile(r"(?P<name>[^@]*?)(?::(?P<tag>[^/:@]*))?(?:@(?P<digest>.*))?", re.DOTALL)
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_REGISTRY = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]+\])(?::[1-9][0-9]{{0,4}})?")
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_IDENTIFIER = re.compile(r"(?:sha256:)?[0-9a-f]{64}")


class ImageFault(StrEnum):
    """Why an image is refused."""

    TOO_LONG = "image_too_long"
    REGISTRY = "image_registry"
    REPOSITORY = "image_repository"
    TAG = "image_tag"
    DIGEST = "image_digest"
    NOT_ALLOWED = "image_not_allowed"

    @property
    def message(self) -> str:
        """A sentence for the user."""
        return _MESSAGES[self]


_MESSAGES = {
    ImageFault.TOO_LONG: f"The image is longer than {MAX_REFERENCE} characters, or its name than {MAX_NAME}.",
    ImageFault.REGISTRY: "The image's registry must be a lower-case host name or a plain address, "
    "with a port from 1 to 65535 or none.",
    ImageFault.REPOSITORY: "The image's name must be lower-case letters and digits, "
    "with single '.', '_' or '-' inside and '/' between its parts.",
    ImageFault.TAG: "The image's tag must be up to 128 letters, digits, '_', '.' and '-'.",
    ImageFault.DIGEST: "The image's digest must be sha256: and 64 lower-case hexadecimal digits.",
    ImageFault.NOT_ALLOWED: "The operator has not allowed this image.",
}


class Image(Struct, frozen=True, kw_only=True):
    """A reference taken apart; as text it is canonical."""

    registry: str
    """`docker.io`, or a host with its port if one was given."""

    repository: str
    """Below the registry: `library/alpine`."""

    tag: str | None = None
    """Never none where there is no digest."""

    digest: str | None = None

    @property
    def name(self) -> str:
        """Registry and repository."""
        return f"{self.registry}/{self.repository}"

    @property
    def pullable(self) -> str:
        """What an engine is asked for: the digest alone decides where there is one."""
        return f"{self.name}@{self.digest}" if self.digest else f"{self.name}:{self.tag}"

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}" + (f"@{self.digest}" if self.digest else "")


@lru_cache(maxsize=1024)
def parse_image(text: str) -> Image | ImageFault:
    """The parts of a reference, or the first thing wrong with it."""
    matched = _REFERENCE.fullmatch(text)
    if len(text) > MAX_REFERENCE or matched is None:
        return ImageFault.TOO_LONG
    tag, digest = matched["tag"], matched["digest"]
    if digest is not None and not _DIGEST.fullmatch(digest):
        return ImageFault.DIGEST
    if tag is not None and not _TAG.fullmatch(tag):
        return ImageFault.TAG
    registry, repository = _split(matched["name"])
    if _registry_url(registry) is None:
        return ImageFault.REGISTRY
    parts = repository.split("/")
    if not all(_COMPONENT.fullmatch(part) for part in parts) or _IDENTIFIER.fullmatch(text):
        return ImageFault.REPOSITORY
    if len(registry) + 1 + len(repository) > MAX_NAME:
        return ImageFault.TOO_LONG
    return Image(
        registry=registry, repository=repository, tag=tag or (None if digest else "latest"), digest=digest
    )


class ImagePolicy(Struct, frozen=True):
    """Which images the operator allows."""

    prefixes: tuple[str, ...] = ()
    """Registries and parts of them, canonical, with a `/` at the end."""

    names: frozenset[str] = frozenset()
    """Single repositories, in any version."""

    any_public: bool = False
    """Whether the rest of the world is allowed too."""

    def refuse(self, image: Image) -> ImageFault | None:
        """Why an image may not be run; none if it may. The same answer for everything that is not allowed."""
        url = _registry_url(image.registry)
        if url is None or parse_address(url.host) in _METADATA:
            return ImageFault.NOT_ALLOWED
        if image.name in self.names or image.name.startswith(self.prefixes):
            return None
        return None if self.any_public and _is_public(url) else ImageFault.NOT_ALLOWED


def parse_image_policy(text: str) -> ImagePolicy:
    """The policy for a comma-separated list, empty for none. Raises ValueError naming a wrong entry.

    `registry.example/` is a registry, `registry.example/acme/` all below a part of it,
    `registry.example/acme/tool` one repository.
    """
    entries = [part.strip() for part in text.split(",") if part.strip()]
    listed = [_parse_entry(entry) for entry in entries if entry != _ANY]
    return ImagePolicy(
        prefixes=tuple(entry for entry in listed if entry.endswith("/")),
        names=frozenset(entry for entry in listed if not entry.endswith("/")),
        any_public=_ANY in entries,
    )


def _parse_entry(entry: str) -> str:
    # A whole registry and a part of one are read by giving them a repository and taking it away again. Where
    # the registry is left out, the engine's own is meant only for repositories: `acme/` could be either.
    image = parse_image(f"{entry}{_BELOW}" if entry.endswith("/") else entry)
    if isinstance(image, ImageFault):
        raise ValueError(f"{entry!r} is not a registry, a part of one or a repository: {image.message}")
    first = entry.partition("/")[0]
    if _as_docker(first) != image.registry or "/" not in entry:
        raise ValueError(f"{entry!r} must begin with its registry and a '/': docker.io/library/alpine")
    if image.digest or image.tag != "latest" or entry.endswith(":latest"):
        raise ValueError(f"{entry!r} must name no tag and no digest")
    return image.name.removesuffix(_BELOW) if entry.endswith("/") else image.name


def _split(name: str) -> tuple[str, str]:
    """Registry and repository, by Docker's rule of what a first part must look like to be a host."""
    first, slash, rest = name.partition("/")
    if not slash or not _is_host(first):
        first, rest = DOCKER_HUB, name
    registry = _as_docker(first)
    if registry == DOCKER_HUB and "/" not in rest:
        rest = f"library/{rest}"
    return registry, rest


def _is_host(first: str) -> bool:
    return first == _LOOPBACK or first != first.lower() or any(mark in first for mark in ".:[")


def _as_docker(registry: str) -> str:
    return DOCKER_HUB if registry == f"index.{DOCKER_HUB}" else registry


def _registry_url(registry: str) -> Url | None:
    """The registry as the parser of targets reads it; none if that is not what was written."""
    if not _REGISTRY.fullmatch(registry):
        return None
    url = parse_url(f"https://{registry}/")
    if not isinstance(url, Url):
        return None
    return url if url.authority == registry.removesuffix(":443") else None


def _is_public(url: Url) -> bool:
    """Whether `*` covers a registry: names but loopback's, public addresses, the usual port alone."""
    if url.port != 443 or url.host == _LOOPBACK:
        return False
    return _PUBLIC.refuse_literal(url) is None
