"""Which names a file of a job may have, and what kind of content a name suggests.

A name is one segment of a path in normal form (NFC), and safe to show, to put in a URL and to save as. It
never becomes part of a path of ours.
"""

import re
import unicodedata
from mimetypes import MimeTypes

MOST_CHARACTERS = 200
_MOST_BYTES = 255

_ANYTHING = "application/octet-stream"
_CONTENT_TYPE = re.compile(
    r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}"
    r"(?:; ?[a-z0-9-]{1,30}=[A-Za-z0-9_.+-]{1,60})?"
)
_FORBIDDEN = re.compile(r"[/\\]")

# Its own table: a host's would make the same file another kind on another host.
_types = MimeTypes(filenames=())


def normal(name: str) -> str | None:
    """The name as it is kept; None if it is none."""
    try:
        written = unicodedata.normalize("NFC", name)
        size = len(written.encode())
    except UnicodeEncodeError:
        return None
    whole = 0 < len(written) <= MOST_CHARACTERS and size <= _MOST_BYTES
    if not whole or not written.isprintable() or _FORBIDDEN.search(written):
        return None
    # One that begins with a dot would be hidden where it is saved, or be no file at all.
    if written.startswith((" ", ".")) or written.endswith(" "):
        return None
    return written


def content_type(name: str) -> str:
    """What a file by this name holds, as far as the name says."""
    kind, encoding = _types.guess_type(name)
    return kind if kind is not None and encoding is None else _ANYTHING


def is_content_type(text: str) -> bool:
    """Whether this may stand in a header as a content type."""
    return _CONTENT_TYPE.fullmatch(text) is not None
