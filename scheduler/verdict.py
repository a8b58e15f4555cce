"""What a finished call means for its job: did it succeed, and if not, may it be tried again?

A pure function of what came back and of the job's success rule. It never raises, whatever a target answered,
and it knows neither how many attempts are left nor how long to wait: settling asks backoff for that.

    user's success rule covers the status        succeeded
    408, 425, 429, 5xx, no valid final status    failed, retry
    a 2xx the rule leaves out                    failed, retry: "not the answer I am waiting for yet"
    3xx, any other 4xx                           failed for good
    no answer                                    as `_NO_ANSWER` says
"""

from enum import StrEnum
from typing import Protocol

import msgspec

from core.jobs.model import Outcome
from core.jobs.success import StatusSet
from scheduler.retry_after import Headers, retry_after


class FailureCode(StrEnum):
    """Why a call brought back no response."""

    DESTINATION_REFUSED = "destination_refused"
    """The egress guard does not let us call that address."""

    DNS_ERROR = "dns_error"
    """The name has no address, or nobody answered for it."""

    CONNECT_ERROR = "connect_error"
    """The address took no connection."""

    TLS_ERROR = "tls_error"
    """The handshake failed, or the certificate is not the host's."""

    TIMEOUT = "timeout"
    """The total deadline passed before the response was read."""

    CONNECTION_LOST = "connection_lost"
    """The link went away while we were sending or waiting."""

    PROTOCOL_ERROR = "protocol_error"
    """What came back is not HTTP."""


class Response(Protocol):
    """The part of a response that decides; a sender's own response type fits as it is."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Headers: ...


class Verdict(msgspec.Struct, frozen=True):
    """What the call meant."""

    outcome: Outcome
    """How the attempt ends."""

    retry: bool = False
    """Whether another attempt could help, if the policy has one left."""

    retry_after: float | None = None
    """Seconds the target asked us to wait: finite, not negative, not yet held to the policy's bounds."""

    code: str | None = None
    """The error's code: a `FailureCode`, `http_status` or `redirect`; none for a success."""

    message: str | None = None
    """The error as a sentence for the user; none for a success."""


_SUCCEEDED = Verdict(Outcome.SUCCEEDED)

_NO_ANSWER = {
    FailureCode.DESTINATION_REFUSED: (Outcome.BLOCKED, False, "The target's address may not be called."),
    FailureCode.DNS_ERROR: (Outcome.FAILED, True, "The target's name could not be resolved."),
    FailureCode.CONNECT_ERROR: (Outcome.FAILED, True, "The target did not accept the connection."),
    FailureCode.TLS_ERROR: (Outcome.FAILED, True, "No trusted TLS connection to the target was possible."),
    FailureCode.TIMEOUT: (Outcome.TIMED_OUT, True, "The target did not answer in time."),
    FailureCode.CONNECTION_LOST: (Outcome.FAILED, True, "The connection to the target was lost."),
    FailureCode.PROTOCOL_ERROR: (Outcome.FAILED, True, "The target's answer was not valid HTTP."),
}

_ASK_AGAIN = frozenset({408, 425, 429})


def judge(result: Response | FailureCode, rule: StatusSet, *, now: float, message: str = "") -> Verdict:
    """`now` is Unix time, for a Retry-After that is a date; `message` replaces a failure's stock sentence."""
    if isinstance(result, FailureCode):
        outcome, again, sentence = _NO_ANSWER[result]
        return Verdict(outcome, again, code=result.value, message=message or sentence)
    if rule.covers(result.status):
        return _SUCCEEDED
    if 300 <= result.status < 400:
        return _refused(result.status, "redirect", "a redirect, which is not followed")
    if 400 <= result.status < 500 and result.status not in _ASK_AGAIN:
        return _refused(result.status, "http_status", "which another attempt would not change")
    return Verdict(
        Outcome.FAILED,
        retry=True,
        retry_after=retry_after(result.headers, now=now),
        code="http_status",
        message=f"The target answered {result.status}.",
    )


def _refused(status: int, code: str, why: str) -> Verdict:
    return Verdict(Outcome.FAILED, code=code, message=f"The target answered {status}, {why}.")
