"""Everything a call may raise.

    NoonmarkError                  whatever goes wrong
    ├── NotSignedIn                there is no token to send
    ├── ConnectionFailed           no answer came; whether the call was made may not be known
    ├── UnexpectedAnswer           what answered does not speak as Noonmark does
    ├── TimedOut                   `jobs.wait`: the job is not over yet
    └── Problem                    Noonmark said no, and why: `status`, `code`, `request_id`
        ├── BadRequest             400
        ├── Unauthenticated        401
        ├── Forbidden              403
        ├── NotFound               404
        ├── Conflict               409
        ├── ValidationFailed       422, with each fault in `errors`
        ├── RateLimited            429, with `retry_after`
        └── Unavailable            502, 503 and 504, with `retry_after`

A status that is not listed is a plain Problem. `code` is stable and for programs, the message for people.
"""

from uuid import UUID

import msgspec


class Fault(msgspec.Struct, frozen=True):
    """One thing that is wrong with a request."""

    code: str = "invalid"
    message: str = ""
    pointer: str | None = None
    """Where in the body, as a JSON pointer."""
    parameter: str | None = None
    """Which parameter of the query or header."""
    twin: UUID | None = None
    """Of `not_unique`: the job that stands."""

    def __str__(self) -> str:
        place = self.pointer or self.parameter
        return f"{place}: {self.message}" if place else self.message


class NoonmarkError(Exception):
    """A call that did not do what was asked."""

    request_id: str | None = None
    """Finds the call in the server's logs."""


class NotSignedIn(NoonmarkError):
    """There is no token to send."""


class ConnectionFailed(NoonmarkError):
    """No answer came."""

    def __init__(self, message: str, *, request_id: str | None = None) -> None:
        super().__init__(message)
        self.request_id = request_id


class UnexpectedAnswer(ConnectionFailed):
    """An answer came, but not one of Noonmark's: a proxy's, perhaps, or another program's."""


class TimedOut(NoonmarkError):
    """The job is not over yet."""


class Problem(NoonmarkError):
    """A problem document (RFC 9457)."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str,
        request_id: str | None = None,
        errors: tuple[Fault, ...] = (),
        retry_after: float | None = None,
        repeated: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.request_id = request_id
        self.errors = errors
        self.retry_after = retry_after
        """Seconds to wait, where the server named them."""
        self.repeated = repeated
        """An earlier try's answer was lost, so this refusal may be of something already done."""

    def __str__(self) -> str:
        mark = f" (request {self.request_id})" if self.request_id else ""
        return f"{self.status} {self.code}: {self.message}{mark}"


class BadRequest(Problem):
    """The request cannot be read."""


class Unauthenticated(Problem):
    """There is no credential, or it is not valid any more."""


class Forbidden(Problem):
    """The credential is valid, but does not allow this."""


class NotFound(Problem):
    """There is no such thing, or it is another tenant's."""


class Conflict(Problem):
    """What is asked does not fit where the job stands."""


class ValidationFailed(Problem):
    """The request has faults; `errors` lists each."""


class RateLimited(Problem):
    """Too many requests."""


class Unavailable(Problem):
    """The server cannot do this right now."""


BY_STATUS: dict[int, type[Problem]] = {
    400: BadRequest,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    422: ValidationFailed,
    429: RateLimited,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}
