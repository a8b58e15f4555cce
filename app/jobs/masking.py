"""Which headers of a job are secrets. Their values are sealed when the job is created and never shown again.

A name that looks like a credential's is enough: a value shown by mistake cannot be taken back, and a value
hidden by mistake costs nothing.
"""

import re
from collections.abc import Mapping, Sequence

MASK = "***"
"""What a secret's value reads as."""

_TELLING = re.compile(
    r"authori[sz]ation|auth(?!or)|cookie|credential|passw|secret|session|signature|token|key$", re.IGNORECASE
)


def is_secret(name: str, marked: Sequence[str]) -> bool:
    """Whether this header's value is to be kept secret."""
    return bool(_TELLING.search(name)) or name.lower() in {other.lower() for other in marked}


def divide(headers: Mapping[str, str], marked: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """The plain headers and the secret ones."""
    if not headers:
        return {}, {}
    secret = {name: value for name, value in headers.items() if is_secret(name, marked)}
    return {name: value for name, value in headers.items() if name not in secret}, secret
