"""The two clients. They send and sleep; every rule is in `noonmark.conversation`."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, TypeVar

import httpx

from noonmark import account, artifacts, bulk, dead_letters, definitions, jobs, printing, queues, tokens
from noonmark.bound import (
    AsyncDoes,
    AsyncFollows,
    AsyncLists,
    AsyncNoun,
    AsyncSaves,
    Does,
    Follows,
    Lists,
    Noun,
    Saves,
)  # fmt: skip
from noonmark.calls import Pause, Talk
from noonmark.conversation import Conversation, Reply, Send, Told
from noonmark.retrying import Retrying

DEFAULT_URL = "http://127.0.0.1:8080"
"""Where `make up` serves."""

PATIENT = Retrying()

T = TypeVar("T")


class Jobs(Noun):
    """Jobs, of a blocking client."""

    create = Does(jobs.create)
    run = Does(jobs.run)
    invoke = Does(jobs.invoke)
    submit = Does(jobs.submit)
    create_many = Does(jobs.create_many)
    get = Does(jobs.get)
    list = Lists(jobs.listed)
    cancel = Does(jobs.cancel)
    cancel_all = Does(bulk.cancel)
    edit = Does(jobs.edit)
    replay = Does(jobs.replay)
    attempts = Does(jobs.attempts)
    events = Lists(jobs.events)
    logs = Lists(printing.logs)
    follow_logs = Follows(printing.follow_logs)
    wait = Does(jobs.wait)


class AsyncJobs(AsyncNoun):
    """Jobs, of an asynchronous client."""

    create = AsyncDoes(jobs.create)
    run = AsyncDoes(jobs.run)
    invoke = AsyncDoes(jobs.invoke)
    submit = AsyncDoes(jobs.submit)
    create_many = AsyncDoes(jobs.create_many)
    get = AsyncDoes(jobs.get)
    list = AsyncLists(jobs.listed)
    cancel = AsyncDoes(jobs.cancel)
    cancel_all = AsyncDoes(bulk.cancel)
    edit = AsyncDoes(jobs.edit)
    replay = AsyncDoes(jobs.replay)
    attempts = AsyncDoes(jobs.attempts)
    events = AsyncLists(jobs.events)
    logs = AsyncLists(printing.logs)
    follow_logs = AsyncFollows(printing.follow_logs)
    wait = AsyncDoes(jobs.wait)


class DeadLetters(Noun):
    """Dead letters, of a blocking client."""

    list = Lists(dead_letters.listed)
    get = Does(dead_letters.get)
    replay = Does(dead_letters.replay)
    replay_all = Does(bulk.replay)
    purge = Does(bulk.purge)


class AsyncDeadLetters(AsyncNoun):
    """Dead letters, of an asynchronous client."""

    list = AsyncLists(dead_letters.listed)
    get = AsyncDoes(dead_letters.get)
    replay = AsyncDoes(dead_letters.replay)
    replay_all = AsyncDoes(bulk.replay)
    purge = AsyncDoes(bulk.purge)


class Queues(Noun):
    """Queues, of a blocking client."""

    create = Does(queues.create)
    list = Lists(queues.listed)
    get = Does(queues.get)
    edit = Does(queues.edit)
    pause = Does(queues.pause)
    resume = Does(queues.resume)
    delete = Does(queues.delete)


class AsyncQueues(AsyncNoun):
    """Queues, of an asynchronous client."""

    create = AsyncDoes(queues.create)
    list = AsyncLists(queues.listed)
    get = AsyncDoes(queues.get)
    edit = AsyncDoes(queues.edit)
    pause = AsyncDoes(queues.pause)
    resume = AsyncDoes(queues.resume)
    delete = AsyncDoes(queues.delete)


class Definitions(Noun):
    """Definitions, of a blocking client."""

    create = Does(definitions.create)
    list = Lists(definitions.listed)
    get = Does(definitions.get)
    edit = Does(definitions.edit)
    delete = Does(definitions.delete)
    run = Does(definitions.run)


class AsyncDefinitions(AsyncNoun):
    """Definitions, of an asynchronous client."""

    create = AsyncDoes(definitions.create)
    list = AsyncLists(definitions.listed)
    get = AsyncDoes(definitions.get)
    edit = AsyncDoes(definitions.edit)
    delete = AsyncDoes(definitions.delete)
    run = AsyncDoes(definitions.run)


class Artifacts(Noun):
    """Files of jobs, of a blocking client."""

    list = Lists(artifacts.listed)
    upload = Does(artifacts.upload)
    download = Saves(artifacts.download)
    link = Does(artifacts.link)
    delete = Does(artifacts.delete)


class AsyncArtifacts(AsyncNoun):
    """Files of jobs, of an asynchronous client."""

    list = AsyncLists(artifacts.listed)
    upload = AsyncDoes(artifacts.upload)
    download = AsyncSaves(artifacts.download)
    link = AsyncDoes(artifacts.link)
    delete = AsyncDoes(artifacts.delete)


class SigningSecrets(Noun):
    """Signing secrets, of a blocking client."""

    list = Does(account.signing_secrets)
    rotate = Does(account.rotate)


class AsyncSigningSecrets(AsyncNoun):
    """Signing secrets, of an asynchronous client."""

    list = AsyncDoes(account.signing_secrets)
    rotate = AsyncDoes(account.rotate)


class Tokens(Noun):
    """API tokens, of a blocking client."""

    create = Does(tokens.create)
    list = Lists(tokens.listed)
    revoke = Does(tokens.revoke)


class Account(Noun):
    """Whose token it is, of a blocking client."""

    me = Does(account.me)


class AsyncTokens(AsyncNoun):
    """API tokens, of an asynchronous client."""

    create = AsyncDoes(tokens.create)
    list = AsyncLists(tokens.listed)
    revoke = AsyncDoes(tokens.revoke)


class AsyncAccount(AsyncNoun):
    """Whose token it is, of an asynchronous client."""

    me = AsyncDoes(account.me)


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
        self.jobs = Jobs(self)
        self.artifacts = Artifacts(self)
        self.queues = Queues(self)
        self.definitions = Definitions(self)
        self.dead_letters = DeadLetters(self)
        self.signing_secrets = SigningSecrets(self)
        self.tokens = Tokens(self)
        self.me = Account(self).me

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
        steps, reply = self._conversation.steps(talk, silence=printing.SILENCE_SECONDS), None
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
        self.jobs = AsyncJobs(self)
        self.artifacts = AsyncArtifacts(self)
        self.queues = AsyncQueues(self)
        self.definitions = AsyncDefinitions(self)
        self.dead_letters = AsyncDeadLetters(self)
        self.signing_secrets = AsyncSigningSecrets(self)
        self.tokens = AsyncTokens(self)
        self.me = AsyncAccount(self).me

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
        steps, reply = self._conversation.steps(talk, silence=printing.SILENCE_SECONDS), None
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
