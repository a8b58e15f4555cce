"""Carrying out a talk, without any I/O: requests, tries, waits, and errors from answers.

`Conversation.steps` yields what the outside has to do, `Send` or `Pause`, and is given what came of it. All
rules live here; a driver only sends and sleeps (see `noonmark.client`). Nothing is ever sent anywhere but
below the configured address, and redirects are not followed, so the token goes nowhere else.
"""

import random
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode
from uuid import uuid4

import httpx
import msgspec

from noonmark import retrying
from noonmark.calls import Call, Pause, Talk
from noonmark.errors import (
    BY_STATUS,
    ConnectionFailed,
    Fault,
    NoonmarkError,
    NotSignedIn,
    Problem,
    UnexpectedAnswer,
)
from noonmark.retrying import Retrying
from noonmark.version import VERSION

T = TypeVar("T")

_STORING_SECONDS = 60.0

Reply = httpx.Response | httpx.RequestError | None
"""What came of a step: an answer or a broken connection after Send, nothing after Pause."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send this and give back what comes."""

    request: httpx.Request


Steps = Generator[Send | Pause, Reply, T]


@dataclass(frozen=True, slots=True)
class Told(Generic[T]):
    """What a talk came to."""

    value: T
    response: httpx.Response | None
    """The last answer, exactly as it was received."""


class _Document(msgspec.Struct, frozen=True):
    code: str
    detail: str = ""
    request_id: str | None = None
    errors: tuple[Fault, ...] = ()


_document = msgspec.json.Decoder(_Document)


@dataclass(frozen=True, slots=True)
class Conversation:
    """How one client talks: to whom, as whom, how patiently."""

    url: str
    token: str | None = field(repr=False)
    timeout: httpx.Timeout
    retrying: Retrying
    clock: Callable[[], float] = time.monotonic
    roll: Callable[[], float] = random.random

    def steps(self, talk: Talk[T], *, silence: float | None = None) -> Steps[Told[T]]:
        """Each call of the talk, with its tries; ``silence`` is how long an answer may pause meanwhile."""
        asked, response = iter(talk), None
        try:
            step = next(asked)
            while True:
                if isinstance(step, Pause):
                    yield step
                    step = next(asked)
                    continue
                try:
                    response = yield from self._exchange(step, silence)
                except NoonmarkError as error:
                    step = asked.throw(error)
                else:
                    step = asked.send(response)
        except StopIteration as done:
            return Told(done.value, response)
        except msgspec.DecodeError as error:
            raise _unexpected(response, f"cannot be read ({error})") from error

    def _exchange(self, call: Call[Any], silence: float | None) -> Steps[httpx.Response]:
        """One call, tried until it is answered, refused, or the budget is spent."""
        request, started = self._request(call), self.clock()
        if silence is not None:
            request.extensions["timeout"]["read"] = silence
        failures, repeated = 0, False
        while True:
            reply = yield Send(request)
            assert reply is not None
            if isinstance(reply, httpx.Response) and reply.is_success:
                return reply
            failures += 1
            wait = self._wait(call, reply, failures, started)
            error = _error(reply, request, repeated=repeated)
            if wait is None:
                raise error from _cause(reply)
            if self.retrying.told is not None:
                self.retrying.told(error, wait)
            repeated = repeated or retrying.may_have_been_done(reply)
            yield Pause(wait)

    def _wait(
        self, call: Call[Any], failure: httpx.Response | httpx.RequestError, failures: int, started: float
    ) -> float | None:
        """Seconds until the next try; None if there is none."""
        if not call.repeatable or not retrying.worth_another_try(failure):
            return None
        named = retrying.retry_after(failure.headers) if isinstance(failure, httpx.Response) else None
        wait = self.retrying.wait(failures, named, roll=self.roll())
        left = self.retrying.budget_seconds - (self.clock() - started)
        return wait if wait < left else None

    def _request(self, call: Call[Any]) -> httpx.Request:
        """The same for every try, its request id too: the server's log shows the tries together."""
        headers = {
            "Accept": "application/json",
            "User-Agent": f"noonmark-python/{VERSION}",
            "X-Request-ID": str(uuid4()),
        }
        headers |= dict(call.headers)
        timeout = self.timeout.as_dict()
        if call.private:
            headers["Authorization"] = f"Bearer {self._credential()}"
        if call.content is not None:
            headers["Content-Type"] = call.media_type
        if call.key is not None:
            headers["Idempotency-Key"] = call.key
        query = f"?{urlencode(call.query)}" if call.query else ""
        url = httpx.URL(self.url + call.path + query)
        if call.body is not None:
            # Which httpx does not do for what it has not read.
            headers |= {"Host": url.netloc.decode()} | call.body.headers
            # The server stores it meanwhile.
            timeout |= dict.fromkeys(("read", "write"), max(_STORING_SECONDS, self.timeout.read or 0.0))
        return httpx.Request(
            call.method,
            url,
            headers=headers,
            content=call.content,
            stream=call.body,
            extensions={"timeout": timeout},
        )

    def _credential(self) -> str:
        if not self.token:
            raise NotSignedIn("There is no token: pass token=… or set NOONMARK_TOKEN.")
        return self.token


def _error(
    failure: httpx.Response | httpx.RequestError, request: httpx.Request, *, repeated: bool
) -> NoonmarkError:
    if isinstance(failure, httpx.RequestError):
        place = f"{request.url.scheme}://{request.url.netloc.decode()}"
        said = str(failure) or type(failure).__name__
        return ConnectionFailed(f"{place}: {said}", request_id=request.headers["x-request-id"])
    try:
        document = _document.decode(failure.content)
    except msgspec.DecodeError:
        if failure.status_code not in BY_STATUS or failure.status_code == httpx.codes.NOT_FOUND:
            return _unexpected(failure, "is not one of Noonmark's")
        document = _Document("unknown", failure.reason_phrase)
    kind = BY_STATUS.get(failure.status_code, Problem)
    return kind(
        document.detail or failure.reason_phrase,
        status=failure.status_code,
        code=document.code,
        request_id=document.request_id or failure.headers.get("x-request-id"),
        errors=document.errors,
        retry_after=retrying.retry_after(failure.headers),
        repeated=repeated,
    )


def _unexpected(response: httpx.Response | None, what: str) -> UnexpectedAnswer:
    if response is None:
        return UnexpectedAnswer(f"The answer {what}.")
    named = f"The answer {response.status_code} of {response.url.copy_with(query=None)}"
    return UnexpectedAnswer(f"{named} {what}.", request_id=response.headers.get("x-request-id"))


def _cause(failure: httpx.Response | httpx.RequestError) -> Exception | None:
    return failure if isinstance(failure, httpx.RequestError) else None
