"""What routes about files of jobs take and give."""

from typing import Annotated

from litestar.params import QueryParameter
from msgspec import Meta, Struct

from app.artifacts.links import LONGEST_SECONDS
from app.jobs.schemas import Instant
from core.artifacts.names import MOST_CHARACTERS

SHA256 = r"^[0-9a-f]{64}$"

# Written gt=-1, since the document would leave a `minimum` of 0 out.
Attempt = Annotated[
    int | None,
    QueryParameter(
        description="Only what this attempt left; 0: what was uploaded. Without it, the newest of that name.",
        gt=-1,
        le=32767,
    ),
]
AnyAttempt = Annotated[
    int | None,
    QueryParameter(description="Only what this attempt left; 0: what was uploaded.", gt=-1, le=32767),
]


class Artifact(Struct, frozen=True, kw_only=True):
    """A file of a job."""

    name: str
    attempt: Annotated[int | None, Meta(description="Which attempt left it; null: it was uploaded.")]
    size: Annotated[int, Meta(description="Bytes.")]
    sha256: Annotated[str, Meta(description="In hexadecimal; also its `ETag`.")]
    content_type: str
    created_at: Instant


class Artifacts(Struct, frozen=True):
    """A page of a job's files, oldest first."""

    items: list[Artifact]
    next_cursor: Annotated[str | None, Meta(description="Where the next page begins; null on the last one.")]


class AuthorizeUpload(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file that is to be uploaded."""

    name: Annotated[
        str, Meta(min_length=1, max_length=MOST_CHARACTERS, description="Not a path; no `/`, no leading dot.")
    ]
    size: Annotated[int, Meta(ge=0, le=2**62, description="Bytes, exactly.")]
    sha256: Annotated[
        Annotated[str, Meta(pattern=SHA256)] | None,
        Meta(description="In hexadecimal; another content is then refused."),
    ] = None
    content_type: Annotated[
        Annotated[str, Meta(max_length=160)] | None, Meta(description="Without it, what the name suggests.")
    ] = None


class Upload(Struct, frozen=True, kw_only=True):
    """Where to put the bytes: a `PUT` of exactly so many, without a credential; then confirm it."""

    name: str
    size: int
    url: Annotated[str, Meta(description="Opens this one upload, for whoever has it.")]
    expires_at: Instant


class MakeLink(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long a link is to open a file."""

    expires_in_seconds: Annotated[int, Meta(ge=1, le=LONGEST_SECONDS)] = 900


class Link(Struct, frozen=True, kw_only=True):
    """A link that opens a file for a `GET` without a credential, for whoever has it."""

    url: str
    expires_at: Instant
