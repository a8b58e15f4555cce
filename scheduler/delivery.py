"""One attempt at an HTTP target: what is sent, and what its answer means for the job.

Both directions are plain functions of their arguments, so that a job's request is the same bytes on every
attempt: method, URL and body as they were stored, `webhook-id` the job's. Only the attempt number, the
timestamp and the signature over it differ.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import msgspec

from core import signing
from core.egress.urls import Refusal, Url, parse_url
from core.jobs import backoff, success
from core.jobs.backoff import Retry
from core.jobs.model import BodyKind, HttpTarget, Lease, Outcome, Settlement
from core.signing import Signer
from core.tracing.context import Context, stored, write
from scheduler.sender.reply import Failure, Response
from scheduler.sender.request import Request, checked, header_lines
from scheduler.verdict import FailureCode, Verdict, judge

USER_AGENT = "Noonmark/0.1 (+webhook)"
_CONTENT_TYPES = {
    BodyKind.JSON: "application/json",
    BodyKind.TEXT: "text/plain; charset=utf-8",
    BodyKind.BASE64: "application/octet-stream",
}

_targets = msgspec.json.Decoder(HttpTarget)
_retries = msgspec.json.Decoder(Retry)
_secret_headers = msgspec.json.Decoder(dict[str, str])
_encoder = msgspec.json.Encoder()


def request_id(lease: Lease) -> str:
    """The attempt's request id: the creating request's, and the attempt's number."""
    return f"{lease.request_id}-{lease.attempt}"


class Outline(msgspec.Struct, frozen=True):
    """What all requests to a target have in common."""

    method: str

    url: Url

    headers: str
    """Its own, as they go on the wire."""


def prepare(
    lease: Lease,
    keys: Sequence[Signer],
    *,
    secret_headers: bytes | None,
    timestamp: float,
    span: Context | None = None,
) -> Request | Failure:
    """The signed request of an attempt. ``timestamp`` is epoch seconds; ``secret_headers`` are opened.

    ``span`` is the call's own, if it is recorded.
    """
    outline = _outlined(lease.target, secret_headers) if secret_headers else _outline(lease.target)
    if isinstance(outline, Failure):
        return outline
    headers = outline.headers + _ours(lease, keys, int(timestamp), span)
    return Request(lease.tenant_id, outline.method, outline.url, headers, lease.body)


@lru_cache(maxsize=1024)
def _outline(target: str) -> Outline | Failure:
    """Kept, since many jobs have one target. What has secrets is outlined each time, and never kept."""
    return _outlined(target, None)


def _outlined(text: str, secret_headers: bytes | None) -> Outline | Failure:
    target = _targets.decode(text)
    url = parse_url(target.url)
    if isinstance(url, Refusal):
        return Failure(FailureCode.DESTINATION_REFUSED, url.message)
    headers = target.headers | (_secret_headers.decode(secret_headers) if secret_headers else {})
    lines = header_lines([*_defaults(headers, target.body_kind), *headers.items()])
    return Outline(target.method, url, lines)


def _defaults(headers: Mapping[str, str], kind: BodyKind) -> list[tuple[str, str]]:
    """What a user's own header of the same name replaces."""
    named = {name.lower() for name in headers}
    lines = [] if "user-agent" in named else [("User-Agent", USER_AGENT)]
    if "content-type" not in named and kind in _CONTENT_TYPES:
        lines.append(("Content-Type", _CONTENT_TYPES[kind]))
    return lines


def _ours(lease: Lease, keys: Sequence[Signer], timestamp: int, span: Context | None) -> str:
    """Header lines: Standard Webhooks, and what lets a receiver deduplicate, fence and trace."""
    message_id = str(lease.job_id)
    signature = ""
    if keys:
        signed = signing.sign(keys, message_id=message_id, timestamp=timestamp, body=lease.body)
        signature = f"webhook-signature: {signed}\r\n"
    parent = traceparent(lease, span) or _untraced()
    return (
        f"webhook-id: {message_id}\r\nwebhook-timestamp: {timestamp}\r\n{signature}"
        f"Idempotency-Key: {message_id}\r\nX-Noonmark-Attempt: {lease.attempt}\r\n"
        f"X-Request-ID: {checked(request_id(lease))}\r\n"
        f"traceparent: {parent}\r\n"
    )


def _untraced() -> str:
    """A parent of its own for what nobody traces."""
    drawn = random.randbytes(24).hex()
    return f"00-{drawn[:32]}-{drawn[32:]}-01"


def traceparent(lease: Lease, span: Context | None) -> str | None:
    """What the target is to name as its parent: our own span, else that of who made the job, if one did."""
    if span is None and lease.trace is not None:
        span = stored(lease.trace)
    return write(span) if span is not None else None


def conclude(lease: Lease, reply: Response | Failure, *, now: float, duration: float) -> Settlement:
    """What the reply means. ``now`` is epoch seconds, ``duration`` seconds."""
    rule = success.compiled(lease.success)
    if isinstance(reply, Failure):
        verdict = judge(reply.code, rule, now=now, message=reply.message)
        return ended(
            lease, verdict.outcome, now=now, verdict=verdict, duration=duration, bytes_sent=reply.bytes_sent
        )
    verdict = judge(reply, rule, now=now)
    return ended(lease, verdict.outcome, now=now, verdict=verdict, duration=duration, response=reply)


def ended(
    lease: Lease,
    outcome: Outcome,
    *,
    now: float,
    verdict: Verdict,
    duration: float = 0.0,
    bytes_sent: int = 0,
    response: Response | None = None,
) -> Settlement:
    """The settlement of an attempt that ended like this, and the wait before the next one, if any."""
    return Settlement(
        job_id=lease.job_id,
        attempt=lease.attempt,
        lease_token=lease.lease_token,
        outcome=outcome,
        retry_seconds=_wait(lease, verdict, now) if verdict.retry else None,
        duration=duration,
        request_id=request_id(lease),
        bytes_sent=response.bytes_sent if response else bytes_sent,
        status=response.status if response else None,
        headers=_encoder.encode(_joined(response.headers)) if response else None,
        body=response.body if response else None,
        truncated=response is not None and response.truncated,
        error_code=verdict.code,
        error_message=storable(verdict.message),
    )


def interrupted(lease: Lease, *, message: str, now: float, bytes_sent: int, duration: float) -> Settlement:
    """The settlement of a call that its replica cut off: the next attempt may follow at once."""
    retry = _retries.decode(lease.retry)
    verdict = Verdict(Outcome.INTERRUPTED, code="interrupted", message=message)
    settlement = ended(
        lease, Outcome.INTERRUPTED, now=now, verdict=verdict, duration=duration, bytes_sent=bytes_sent
    )
    again = 0.0 if lease.attempt < retry.max_attempts and not _expired(lease, now) else None
    return msgspec.structs.replace(settlement, retry_seconds=again)


def _joined(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Repeated headers as one, in their order (RFC 9110 5.2)."""
    joined: dict[str, str] = {}
    for name, value in headers:
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def said(bytes_sent: int) -> str:
    """Whether the target may have noticed, for an error's message."""
    return f"{bytes_sent} bytes had been sent" if bytes_sent else "nothing had been sent"


def storable(text: str | None) -> str | None:
    """Text that PostgreSQL takes: no NUL, no lone surrogate."""
    if text is None:
        return None
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _wait(lease: Lease, verdict: Verdict, now: float) -> float | None:
    """Seconds to the next attempt, or none when there is no other or it would come too late."""
    retry = _retries.decode(lease.retry)
    if lease.attempt >= retry.max_attempts:
        return None
    computed = backoff.delay(retry, lease.attempt, roll=random.random())
    seconds = backoff.honour(retry, computed, verdict.retry_after)
    return None if _expired(lease, now + seconds) else seconds


def _expired(lease: Lease, at: float) -> bool:
    return lease.expires_at is not None and lease.expires_at <= at
