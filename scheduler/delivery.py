"""One attempt at an HTTP target: what is sent, and what its answer means for the job.

Both directions are plain functions of their arguments, so that a job's request is the same bytes on every
attempt: method, URL and body as they were stored, `webhook-id` the job's. Only the attempt number, the
timestamp and the signature over it differ.
"""

import random
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from core import signing
from core.egress.urls import Refusal, parse_url
from core.jobs import backoff
from core.jobs.backoff import Retry
from core.jobs.model import BodyKind, HttpTarget, Lease, Outcome, Settlement
from core.jobs.success import Success
from scheduler.sender.reply import Failure, Response
from scheduler.sender.request import Request
from scheduler.verdict import FailureCode, Verdict, judge

USER_AGENT = "Noonmark/0.1 (+webhook)"
_CONTENT_TYPES = {
    BodyKind.JSON: "application/json",
    BodyKind.TEXT: "text/plain; charset=utf-8",
    BodyKind.BASE64: "application/octet-stream",
}

_targets = msgspec.json.Decoder(HttpTarget)
_retries = msgspec.json.Decoder(Retry)
_successes = msgspec.json.Decoder(Success)
_secret_headers = msgspec.json.Decoder(dict[str, str])
_encoder = msgspec.json.Encoder()


def request_id(lease: Lease) -> str:
    """The attempt's request id: the creating request's, and the attempt's number."""
    return f"{lease.request_id}-{lease.attempt}"


def prepare(
    lease: Lease, keys: Sequence[bytes], *, secret_headers: bytes | None, timestamp: float
) -> Request | Failure:
    """The signed request of an attempt. ``timestamp`` is epoch seconds; ``secret_headers`` are opened."""
    target = _targets.decode(lease.target)
    url = parse_url(target.url)
    if isinstance(url, Refusal):
        return Failure(FailureCode.DESTINATION_REFUSED, url.message)
    headers = target.headers | (_secret_headers.decode(secret_headers) if secret_headers else {})
    lines = [*_defaults(headers, target.body_kind), *headers.items(), *_ours(lease, keys, int(timestamp))]
    return Request(lease.tenant_id, target.method, url, tuple(lines), lease.body)


def _defaults(headers: Mapping[str, str], kind: BodyKind) -> list[tuple[str, str]]:
    """What a user's own header of the same name replaces."""
    named = {name.lower() for name in headers}
    lines = [] if "user-agent" in named else [("User-Agent", USER_AGENT)]
    if "content-type" not in named and kind in _CONTENT_TYPES:
        lines.append(("Content-Type", _CONTENT_TYPES[kind]))
    return lines


def _ours(lease: Lease, keys: Sequence[bytes], timestamp: int) -> list[tuple[str, str]]:
    """Standard Webhooks, and what lets a receiver deduplicate, fence and trace."""
    message_id = str(lease.job_id)
    lines = [("webhook-id", message_id), ("webhook-timestamp", str(timestamp))]
    if keys:
        signature = signing.sign(keys, message_id=message_id, timestamp=timestamp, body=lease.body)
        lines.append(("webhook-signature", signature))
    trace = lease.trace or f"{random.getrandbits(128):032x}"
    return [
        *lines,
        ("Idempotency-Key", message_id),
        ("X-Noonmark-Attempt", str(lease.attempt)),
        ("X-Request-ID", request_id(lease)),
        ("traceparent", f"00-{trace}-{random.getrandbits(64):016x}-01"),
    ]


def conclude(lease: Lease, reply: Response | Failure, *, now: float, duration: float) -> Settlement:
    """What the reply means. ``now`` is epoch seconds, ``duration`` seconds."""
    rule = _successes.decode(lease.success)
    if isinstance(reply, Failure):
        verdict = judge(reply.code, rule, now=now, message=reply.message)
        settlement = ended(lease, verdict.outcome, now=now, verdict=verdict, duration=duration)
        return msgspec.structs.replace(settlement, bytes_sent=reply.bytes_sent)
    verdict = judge(reply, rule, now=now)
    return msgspec.structs.replace(
        ended(lease, verdict.outcome, now=now, verdict=verdict, duration=duration),
        bytes_sent=reply.bytes_sent,
        status=reply.status,
        headers=_encoder.encode(_joined(reply.headers)),
        body=reply.body,
        truncated=reply.truncated,
    )


def ended(
    lease: Lease, outcome: Outcome, *, now: float, verdict: Verdict, duration: float = 0.0
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
        error_code=verdict.code,
        error_message=storable(verdict.message),
    )


def interrupted(lease: Lease, *, why: str, now: float, bytes_sent: int, duration: float) -> Settlement:
    """The settlement of a call that its replica cut off: the next attempt may follow at once."""
    retry = _retries.decode(lease.retry)
    message = f"The replica {why} during the call; {said(bytes_sent)}."
    verdict = Verdict(Outcome.INTERRUPTED, code="interrupted", message=message)
    settlement = ended(lease, Outcome.INTERRUPTED, now=now, verdict=verdict, duration=duration)
    again = 0.0 if lease.attempt < retry.max_attempts and not _expired(lease, now) else None
    return msgspec.structs.replace(settlement, retry_seconds=again, bytes_sent=bytes_sent)


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
