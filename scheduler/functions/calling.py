"""Calling an HTTP API from a function: by the sender that makes the deliveries, behind the same guard.

Which ranges the operator allows besides public addresses is a setting of the scheduler. A function's own
environment holds no setting, so the host of functions is told this one, and it is read here once, when the
host imports this module: an attempt cannot change it, and where nobody said anything nothing but public
addresses is called. What a tenant gives are params.

One call an attempt: nothing is redirected or sent again. The answer is kept as a delivery's is: up to 64 KiB
of its body, 64 of its headers.
"""

import asyncio
import base64
import os
import time
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from core.egress.guard import Egress, parse_egress
from core.egress.headers import check_headers
from core.egress.urls import MAX_URL, Refusal, Url, parse_url
from core.jobs.success import MAX_PATTERNS, StatusSet, parse_success
from core.settings import variable
from noonmark.functions import Context, PermanentFailure, job
from scheduler.sender.reply import Failure, NotStarted, Response
from scheduler.sender.request import Request, header_lines
from scheduler.sender.sender import Sender, open_sender
from scheduler.verdict import judge

LONGEST_SECONDS = 300
_TIMEOUT_SECONDS = 30.0
_MARGIN_SECONDS = 10
_USER_AGENT = "Noonmark/0.1 (+call.api)"
_JSON = "application/json"

EGRESS: Egress = parse_egress(os.environ.get(variable("egress_allow"), ""))
"""What the operator allows."""


class CallFailed(Exception):
    """The call did not bring what was asked for; another attempt may."""


class Method(StrEnum):
    """What can be asked of an API."""

    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"
    HEAD = "HEAD"


Seconds = Annotated[float, Meta(ge=1, le=LONGEST_SECONDS)]
Status = int | str


class Call(Struct, frozen=True, forbid_unknown_fields=True):
    """The params."""

    url: Annotated[str, Meta(max_length=MAX_URL)]
    method: Method = Method.GET
    headers: dict[str, str] = {}
    body: Any = UNSET
    """Sent as JSON."""
    body_text: str | UnsetType = UNSET
    """Sent as it is, in UTF-8."""
    timeout_seconds: Seconds = _TIMEOUT_SECONDS
    """For the whole call."""
    expected_status: Status | tuple[Status, ...] = ("2xx",)
    """Any other fails the attempt."""


_STATUS = {
    "oneOf": [{"type": "integer", "minimum": 200, "maximum": 599}, {"type": "string"}],
}
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "url": {"type": "string", "maxLength": MAX_URL, "description": "http:// or https://."},
        "method": {"enum": [each.value for each in Method], "default": "GET"},
        "headers": {"type": "object", "additionalProperties": {"type": "string"}, "default": {}},
        "body": {"description": "Any JSON value, sent as JSON."},
        "body_text": {"type": "string", "description": "Sent as it is, in UTF-8; instead of body."},
        "timeout_seconds": {
            "type": "number",
            "minimum": 1,
            "maximum": LONGEST_SECONDS,
            "default": _TIMEOUT_SECONDS,
        },
        "expected_status": {
            "description": 'A status, "2xx", "200-204", or a list of these; any other fails the attempt.',
            "oneOf": [*_STATUS["oneOf"], {"type": "array", "minItems": 1, "maxItems": MAX_PATTERNS}],
            "default": "2xx",
        },
    },
    "required": ["url"],
    "not": {"required": ["body", "body_text"]},
    "additionalProperties": False,
}


@job("call.api", version=1, timeout_seconds=LONGEST_SECONDS + _MARGIN_SECONDS, max_attempts=3, schema=SCHEMA)
async def api(ctx: Context, params: Any) -> dict[str, Any]:
    """Calls an HTTP API and gives its answer."""
    async with open_sender(EGRESS, concurrency=1) as sender:
        return await called(ctx, params, sender)


async def called(ctx: Context, params: Any, sender: Sender) -> dict[str, Any]:
    """The answer, as JSON. PermanentFailure or CallFailed, by the verdict that deliveries have."""
    asked = _asked(params)
    expected = _expected(asked.expected_status)
    request = _request(ctx, asked)
    started = time.monotonic()
    deadline = asyncio.get_running_loop().time() + asked.timeout_seconds
    reply = await sender.send(request, deadline=deadline)
    seconds = time.monotonic() - started
    ctx.log(f"{asked.method} {request.url.scheme}://{request.url.authority}", took=f"{seconds:.3f} s")
    return _judged(ctx, reply, expected, seconds)


def _asked(params: Any) -> Call:
    try:
        asked = msgspec.convert(params, Call)
    except msgspec.ValidationError as error:
        raise PermanentFailure(f"these params are no call: {error}") from None
    if asked.body is not UNSET and asked.body_text is not UNSET:
        raise PermanentFailure("give body or body_text, not both")
    return asked


def _expected(given: Status | tuple[Status, ...]) -> StatusSet:
    patterns = given if isinstance(given, tuple) else (given,)
    parsed = parse_success([str(each) for each in patterns])
    if isinstance(parsed, StatusSet):
        return parsed
    raise PermanentFailure(f"expected_status: {parsed[0].message}")


def _request(ctx: Context, asked: Call) -> Request:
    """Connections are of this process alone, so that whose they are is told by the job."""
    lines = _headers(asked) | {"Idempotency-Key": str(ctx.job_id), "X-Noonmark-Attempt": str(ctx.attempt)}
    return Request(ctx.job_id, asked.method, _url(asked.url), header_lines(lines.items()), _body(asked))


def _url(text: str) -> Url:
    url = parse_url(text)
    if isinstance(url, Refusal):
        raise PermanentFailure(url.message)
    return url


def _headers(asked: Call) -> dict[str, str]:
    for name, fault in check_headers(asked.headers.items()):
        raise PermanentFailure(f"header {name}: {fault.message}" if name else fault.message)
    named = {name.lower() for name in asked.headers}
    ours = {"User-Agent": _USER_AGENT}
    if asked.body is not UNSET:
        ours["Content-Type"] = _JSON
    if asked.body_text is not UNSET:
        ours["Content-Type"] = "text/plain; charset=utf-8"
    return {name: value for name, value in ours.items() if name.lower() not in named} | asked.headers


def _body(asked: Call) -> bytes:
    if not isinstance(asked.body_text, UnsetType):
        return asked.body_text.encode()
    return b"" if asked.body is UNSET else msgspec.json.encode(asked.body)


def _judged(
    ctx: Context, reply: Response | Failure | NotStarted, expected: StatusSet, seconds: float
) -> dict[str, Any]:
    if isinstance(reply, NotStarted):
        raise CallFailed("the call was not made")
    answer = _shown(reply, seconds) if isinstance(reply, Response) else None
    decides = reply if isinstance(reply, Response) else reply.code
    message = "" if isinstance(reply, Response) else reply.message
    verdict = judge(decides, expected, now=time.time(), message=message)
    if verdict.code is None and answer is not None:
        return answer
    if answer is not None:
        # What came back is the attempt's result, although it failed.
        (ctx.output_dir / "result.json").write_bytes(msgspec.json.encode(answer))
    raise (CallFailed if verdict.retry else PermanentFailure)(verdict.message or "the call failed")


def _shown(response: Response, seconds: float) -> dict[str, Any]:
    """Repeated headers as one (RFC 9110 5.2)."""
    headers: dict[str, str] = {}
    for name, value in response.headers:
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return {
        "status": response.status,
        "headers": headers,
        **_content(response, headers.get("content-type", "")),
        "truncated": response.truncated,
        "duration_ms": round(seconds * 1000, 1),
    }


def _content(response: Response, kind: str) -> dict[str, Any]:
    """JSON as it is, text as text, anything else in base64."""
    media = kind.partition(";")[0].strip().lower()
    if (media == _JSON or media.endswith("+json")) and not response.truncated:
        try:
            return {"body": msgspec.json.decode(response.body)}
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
    try:
        return {"body": response.body.decode()}
    except UnicodeDecodeError:
        return {"body": None, "body_base64": base64.b64encode(response.body).decode()}
