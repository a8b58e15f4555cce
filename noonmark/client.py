"""The two clients. They send and sleep; every rule is in `noonmark.conversation`."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, TypeVar

import httpx

from noonmark import nouns
from noonmark.calls import Pause, Talk
from noonmark.conversation import Conversation, Reply, Send, Told
from noonmark.printing import SILENCE_SECONDS
from noonmark.retrying import Retrying

DEFAULT_URL = "http://127.0.0.1:8080"
"""Where `make up` serves."""

PATIENT = Retrying()

T = TypeVar("T")


class Client:
    """Talks to a Noonmark server, and blocks.

    `url` and `token` default to NOONMARK_URL and NOONMARK_TOKEN. `http` is a client of your own (proxies,
    certificates, tests); you close it. One client may be used by several threads, as httpx's may.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        timeout: float = 15.0,
        retrying: Retrying = PATIENT,
        http: httpx.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._conversation = _conversation(url, token, timeout, retrying)
        self._owned = http is None
        self._http = httpx.Client() if http is None else http
        self._sleep = sleep
        self.jobs = nouns.Jobs(self)
        self.artifacts = nouns.Artifacts(self)
        self.videos = nouns.Videos(self)
        self.queues = nouns.Queues(self)
        self.definitions = nouns.Definitions(self)
        self.dead_letters = nouns.DeadLetters(self)
        self.signing_secrets = nouns.SigningSecrets(self)
        self.tokens = nouns.Tokens(self)
        self.me = nouns.Account(self).me

    @property
    def retrying(self) -> Retrying:
        """How patiently it talks."""
        return self._conversation.retrying

    def ask(self, talk: Talk[T]) -> Told[T]:
        """Carry a talk out."""
        steps, reply = self._conversation.steps(talk), None
        while True:
            try:
                step = steps.send(reply)
            except StopIteration as done:
                told: Told[T] = done.value
                return told
            reply = self._take(step)

    def open(self, talk: Talk[T]) -> T:
        """Carry a talk out whose last answer is not read yet: whoever gets it closes it."""
        steps, reply = self._conversation.steps(talk, silence=SILENCE_SECONDS), None
        while True:
            try:
                step = steps.send(reply)
            except StopIteration as done:
                told: Told[T] = done.value
                return told.value
            reply = self._take(step, stream=True)

    def pause(self, seconds: float) -> None:
        """Wait a little."""
        self._sleep(seconds)

    def _take(self, step: Send | Pause, *, stream: bool = False) -> Reply:
        if isinstance(step, Pause):
            self._sleep(step.seconds)
            return None
        try:
            answer = self._http.send(step.request, follow_redirects=False, stream=stream)
            if not answer.is_success:
                answer.read()
        except httpx.RequestError as error:
            return error
        return answer

    def close(self) -> None:
        """Close the connections, unless the `http` client was yours."""
        if self._owned:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient:
    """Talks to a Noonmark server without blocking; otherwise as `Client`."""

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        timeout: float = 15.0,
        retrying: Retrying = PATIENT,
        http: httpx.AsyncClient | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._conversation = _conversation(url, token, timeout, retrying)
        self._owned = http is None
        self._http = httpx.AsyncClient() if http is None else http
        self._sleep = sleep
        self.jobs = nouns.AsyncJobs(self)
        self.artifacts = nouns.AsyncArtifacts(self)
        self.videos = nouns.AsyncVideos(self)
        self.queues = nouns.AsyncQueues(self)
        self.definitions = nouns.AsyncDefinitions(self)
        self.dead_letters = nouns.AsyncDeadLetters(self)
        self.signing_secrets = nouns.AsyncSigningSecrets(self)
        self.tokens = nouns.AsyncTokens(self)
        self.me = nouns.AsyncAccount(self).me

    @property
    def retrying(self) -> Retrying:
        """How patiently it talks."""
        return self._conversation.retrying

    async def ask(self, talk: Talk[T]) -> Told[T]:
        """Carry a talk out."""
        steps, reply = self._conversation.steps(talk), None
        while True:
            try:
                step = steps.send(reply)
            except StopIteration as done:
                told: Told[T] = done.value
                return told
            reply = await self._take(step)

    async def open(self, talk: Talk[T]) -> T:
        """Carry a talk out whose last answer is not read yet: whoever gets it closes it."""
        steps, reply = self._conversation.steps(talk, silence=SILENCE_SECONDS), None
        while True:
            try:
                step = steps.send(reply)
            except StopIteration as done:
                told: Told[T] = done.value
                return told.value
            reply = await self._take(step, stream=True)

    async def pause(self, seconds: float) -> None:
        """Wait a little."""
        await self._sleep(seconds)

    async def _take(self, step: Send | Pause, *, stream: bool = False) -> Reply:
        if isinstance(step, Pause):
            await self._sleep(step.seconds)
            return None
        try:
            answer = await self._http.send(step.request, follow_redirects=False, stream=stream)
            if not answer.is_success:
                await answer.aread()
        except httpx.RequestError as error:
            return error
        return answer

    async def close(self) -> None:
        """Close the connections, unless the `http` client was yours."""
        if self._owned:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _conversation(url: str | None, token: str | None, timeout: float, retrying: Retrying) -> Conversation:
    address = url or os.environ.get("NOONMARK_URL") or DEFAULT_URL
    if not address.startswith(("http://", "https://")):
        raise ValueError("the address of a server begins with http:// or https://")
    return Conversation(
        url=address.rstrip("/"),
        token=token or os.environ.get("NOONMARK_TOKEN"),
        timeout=httpx.Timeout(timeout),
        retrying=retrying,
    )
