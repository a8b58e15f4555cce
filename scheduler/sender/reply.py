"""What comes of sending a request: a response, a failure with its class, or the word that nothing was sent.

Never an exception. Messages are for the tenant and name no address; `detail` is for the operator's log and
must not reach the tenant.
"""

from msgspec import Struct

from scheduler.verdict import FailureCode


class Response(Struct, frozen=True):
    """A final (not 1xx) response whose head and captured body arrived before the deadline."""

    status: int

    headers: tuple[tuple[str, str], ...]
    """Lower-case names; bytes outside ASCII are read as Latin-1. At most 64 of them and 16 KiB."""

    body: bytes
    """As it came over the wire, never decoded, cut at the cap."""

    truncated: bool
    """Whether more body followed than is kept; the rest was not read."""

    bytes_sent: int
    """Bytes of the request that left this process."""

    reused: bool
    """Whether the connection had carried a request before."""


class Failure(Struct, frozen=True):
    """No response."""

    code: FailureCode

    message: str
    """A sentence for the tenant."""

    bytes_sent: int = 0
    """Bytes of the request that may have left this process; above 0 the target may have acted on it."""

    detail: str = ""
    """More, for the operator alone."""


class NotStarted(Struct, frozen=True):
    """The caller's guard said no right before a dial or the write: not a byte of the request was sent."""


Reply = Response | Failure | NotStarted
