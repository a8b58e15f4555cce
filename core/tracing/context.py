"""Which trace something belongs to, as it travels in `traceparent` (W3C Trace Context) and with a job.

`jobs.trace` holds a whole `traceparent`, that of the span which made the job; rows from before it did hold
the trace's id alone.
"""

import random
import re

import msgspec

_WRITTEN = re.compile(
    r"(?!ff)(?P<version>[0-9a-f]{2})-(?!0{32})(?P<trace>[0-9a-f]{32})-(?!0{16})(?P<span>[0-9a-f]{16})"
    r"-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)
_ID_ONLY = re.compile(r"(?!0{32})[0-9a-f]{32}")
_SAMPLED = 0x01


class Context(msgspec.Struct, frozen=True):
    """A span of a trace."""

    trace_id: str
    """32 hex digits."""
    span_id: str
    """16 hex digits."""
    sampled: bool
    """Whether it is recorded, so that what belongs to it should be as well."""


def parse(text: str | None) -> Context | None:
    """What a `traceparent` says; none if it is no valid one. Versions to come may say more at its end."""
    found = _WRITTEN.fullmatch(text or "")
    if found is None or (found["version"] == "00" and found["more"]):
        return None
    return Context(found["trace"], found["span"], bool(int(found["flags"], 16) & _SAMPLED))


def write(context: Context) -> str:
    """The `traceparent` of a span."""
    return f"00-{context.trace_id}-{context.span_id}-{'01' if context.sampled else '00'}"


def stored(text: str | None) -> Context | None:
    """What `jobs.trace` says. Of an old row nobody knows the span: it gets one that nobody recorded."""
    if text is not None and _ID_ONLY.fullmatch(text):
        return Context(text, f"{random.getrandbits(64):016x}", sampled=True)
    return parse(text)
