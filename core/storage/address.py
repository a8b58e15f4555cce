"""Where files are kept, as `NOONMARK_STORAGE_URL` writes it.

    file:///var/lib/noonmark/files
    s3://bucket/prefix?endpoint=http://127.0.0.1:9000&region=eu-central-1

What a fault says never quotes the URL: somebody may have written a secret into it.
"""

import re
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import msgspec

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")
_REGION = re.compile(r"[a-z0-9-]{1,64}")


class Folder(msgspec.Struct, frozen=True):
    """A folder that all processes of this installation see."""

    path: Path


class Bucket(msgspec.Struct, frozen=True):
    """A bucket of an S3-compatible service. Credentials come from the environment, as AWS spells it."""

    name: str
    prefix: str | None = None
    endpoint: str | None = None
    region: str | None = None


def parse(url: str) -> Folder | Bucket:
    """What the URL says; ValueError with a sentence if it says nothing we know."""
    parts = urlsplit(url)
    if parts.fragment:
        raise ValueError("must have no #")
    if parts.scheme == "file":
        return _folder(parts)
    if parts.scheme == "s3":
        return _bucket(parts)
    raise ValueError("must start with file:/// or s3://")


def _folder(parts: SplitResult) -> Folder:
    path = Path(unquote(parts.path))
    if parts.netloc or parts.query or not path.is_absolute() or len(path.parts) == 1:
        raise ValueError("must be written file:///folder")
    if ".." in path.parts or "\0" in parts.path:
        raise ValueError("must name a folder without ..")
    return Folder(path)


def _bucket(parts: SplitResult) -> Bucket:
    if "@" in parts.netloc:
        raise ValueError("must hold no credentials: they are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    prefix = parts.path.strip("/")
    if not _BUCKET.fullmatch(parts.netloc):
        raise ValueError("must name a bucket of 3 to 63 of a-z, 0-9, . and -")
    if prefix and (not _PREFIX.fullmatch(prefix) or ".." in prefix):
        raise ValueError("has a prefix of other characters than A-Z, a-z, 0-9, ., _, - and /")
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    if set(given) - {"endpoint", "region"}:
        raise ValueError("takes no other parameters than endpoint and region")
    return Bucket(
        name=parts.netloc,
        prefix=prefix or None,
        endpoint=_endpoint(given.get("endpoint")),
        region=_region(given.get("region")),
    )


def _endpoint(text: str | None) -> str | None:
    if text is None:
        return None
    parts = urlsplit(text)
    plain = not (parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain:
        raise ValueError("has an endpoint that is not written http[s]://host[:port]")
    return text.rstrip("/")


def _region(text: str | None) -> str | None:
    if text is not None and not _REGION.fullmatch(text):
        raise ValueError("has a region of other characters than a-z, 0-9 and -")
    return text
