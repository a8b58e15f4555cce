"""`client` drives the blocking and the asynchronous client alike, so that one test proves both."""

import inspect
from collections.abc import AsyncIterator, Iterator
from operator import attrgetter
from typing import Any, Protocol

import pytest
import respx

import noonmark
from tests.unit.noonmark.answers import URL


class Driven(Protocol):
    """One of the two clients."""

    slept: list[float]

    async def do(self, method: str, /, *args: Any, **options: Any) -> Any: ...


def _given(sleep: Any, given: dict[str, Any]) -> dict[str, Any]:
    return {"url": URL, "token": "nm_t", "sleep": sleep} | given


class Blocking:
    """The blocking client; what it would have slept is noted."""

    def __init__(self, **given: Any) -> None:
        self.slept: list[float] = []
        self._client = noonmark.Client(**_given(self.slept.append, given))

    async def do(self, method: str, /, *args: Any, **options: Any) -> Any:
        result = attrgetter(method)(self._client)(*args, **options)
        return list(result) if inspect.isgenerator(result) else result

    async def close(self) -> None:
        self._client.close()


class Asynchronous:
    """The asynchronous client, likewise."""

    def __init__(self, **given: Any) -> None:
        self.slept: list[float] = []
        self._client = noonmark.AsyncClient(**_given(self._sleep, given))

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def do(self, method: str, /, *args: Any, **options: Any) -> Any:
        result = attrgetter(method)(self._client)(*args, **options)
        if inspect.isasyncgen(result):
            return [item async for item in result]
        return await result

    async def close(self) -> None:
        await self._client.close()


KINDS: dict[str, type[Blocking] | type[Asynchronous]] = {"blocking": Blocking, "async": Asynchronous}


@pytest.fixture(params=KINDS)
async def client(request: pytest.FixtureRequest) -> AsyncIterator[Driven]:
    driven = KINDS[request.param]()
    yield driven
    await driven.close()


@pytest.fixture
def server() -> Iterator[respx.MockRouter]:
    """Answers what a test says, and refuses everything else."""
    with respx.mock(base_url=URL, assert_all_called=False) as router:
        yield router
