"""How a talk becomes a method: once for the blocking client, once for the asynchronous one.

A noun's class lists its methods as `create = Does(jobs.create)`. Types, parameters and docstring are those of
the function; only what comes back differs, a value or something to await.
"""

import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, Generic, ParamSpec, Protocol, Self, TypeVar, overload

import httpx

from noonmark import calls
from noonmark.calls import Listing, Talk
from noonmark.conversation import Told
from noonmark.model import LogLine
from noonmark.printing import BREAK_SECONDS, Following, Opening
from noonmark.retrying import Retrying
from noonmark.saving import Download

P = ParamSpec("P")
T = TypeVar("T")


class Asker(Protocol):
    """Carries a talk out and blocks."""

    @property
    def retrying(self) -> Retrying: ...
    def ask(self, talk: Talk[T]) -> Told[T]: ...
    def open(self, talk: Talk[T]) -> T: ...
    def pause(self, seconds: float) -> None: ...


class AsyncAsker(Protocol):
    """Carries a talk out while others go on."""

    @property
    def retrying(self) -> Retrying: ...
    async def ask(self, talk: Talk[T]) -> Told[T]: ...
    async def open(self, talk: Talk[T]) -> T: ...
    async def pause(self, seconds: float) -> None: ...


class Noun:
    """The methods about one thing, of a blocking client."""

    def __init__(self, client: Asker) -> None:
        self.client = client


class AsyncNoun:
    """The methods about one thing, of an asynchronous client."""

    def __init__(self, client: AsyncAsker) -> None:
        self.client = client


class Does(Generic[P, T]):
    """A method that gives the talk's result."""

    def __init__(self, talk: Callable[P, Talk[T]]) -> None:
        self._talk = talk

    @overload
    def __get__(self, noun: None, kind: type[Any]) -> Self: ...
    @overload
    def __get__(self, noun: Noun, kind: type[Any]) -> Callable[P, T]: ...
    def __get__(self, noun: Noun | None, kind: type[Any]) -> Self | Callable[P, T]:
        if noun is None:
            return self

        @functools.wraps(self._talk)
        def do(*args: P.args, **kwargs: P.kwargs) -> T:
            return noun.client.ask(self._talk(*args, **kwargs)).value

        return do


class AsyncDoes(Generic[P, T]):
    """A method to await."""

    def __init__(self, talk: Callable[P, Talk[T]]) -> None:
        self._talk = talk

    @overload
    def __get__(self, noun: None, kind: type[Any]) -> Self: ...
    @overload
    def __get__(self, noun: AsyncNoun, kind: type[Any]) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, noun: AsyncNoun | None, kind: type[Any]) -> Self | Callable[P, Coroutine[Any, Any, T]]:
        if noun is None:
            return self

        @functools.wraps(self._talk)
        async def do(*args: P.args, **kwargs: P.kwargs) -> T:
            return (await noun.client.ask(self._talk(*args, **kwargs))).value

        return do


class Lists(Generic[P, T]):
    """A method that iterates over a list, fetching page after page."""

    def __init__(self, listing: Callable[P, Listing[T]]) -> None:
        self._listing = listing

    @overload
    def __get__(self, noun: None, kind: type[Any]) -> Self: ...
    @overload
    def __get__(self, noun: Noun, kind: type[Any]) -> Callable[P, Iterator[T]]: ...
    def __get__(self, noun: Noun | None, kind: type[Any]) -> Self | Callable[P, Iterator[T]]:
        if noun is None:
            return self

        @functools.wraps(self._listing)
        def walk(*args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
            call = self._listing(*args, **kwargs)
            while True:
                page = noun.client.ask(call).value
                yield from page.items
                if page.next_cursor is None:
                    return
                call = calls.after(call, page.next_cursor)

        return walk


class AsyncLists(Generic[P, T]):
    """A method for `async for`."""

    def __init__(self, listing: Callable[P, Listing[T]]) -> None:
        self._listing = listing

    @overload
    def __get__(self, noun: None, kind: type[Any]) -> Self: ...
    @overload
    def __get__(self, noun: AsyncNoun, kind: type[Any]) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, noun: AsyncNoun | None, kind: type[Any]) -> Self | Callable[P, AsyncIterator[T]]:
        if noun is None:
            return self

        @functools.wraps(self._listing)
        async def walk(*args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
            call = self._listing(*args, **kwargs)
            while True:
                page = (await noun.client.ask(call)).value
                for item in page.items:
                    yield item
                if page.next_cursor is None:
                    return
                call = calls.after(call, page.next_cursor)

        return walk


class Follows(Generic[P]):
    """A method that iterates over what is printed, as it is printed."""

    def __init__(self, begin: Callable[P, Following]) -> None:
        self._begin = begin

    @overload
    def __get__(self, noun: None, kind: type[Any]) -> Self: ...
    @overload
    def __get__(self, noun: Noun, kind: type[Any]) -> Callable[P, Iterator[LogLine]]: ...
    def __get__(self, noun: Noun | None, kind: type[Any]) -> Self | Callable[P, Iterator[LogLine]]:
        if noun is None:
            return self

        @functools.wraps(self._begin)
        def walk(*args: P.args, **kwargs: P.kwargs) -> Iterator[LogLine]:
            following = self._begin(*args, **kwargs)
            while True:
                answer = noun.client.open(Opening(following.call()))
                with contextlib.closing(answer), contextlib.suppress(httpx.TransportError):
                    for text in answer.iter_text():
                        yield from following.take(text)
                if following.over:
                    return
                noun.client.pause(BREAK_SECONDS)

        return walk


class AsyncFollows(Generic[P]):
    """The same for `async for`."""

    def __init__(self, begin: Callable[P, Following]) -> None:
        self._begin = begin

    @overload
    def __get__(self, noun: None, kind: type[Any]) -> Self: ...
    @overload
    def __get__(self, noun: AsyncNoun, kind: type[Any]) -> Callable[P, AsyncIterator[LogLine]]: ...
    def __get__(self, noun: AsyncNoun | None, kind: type[Any]) -> Self | Callable[P, AsyncIterator[LogLine]]:
        if noun is None:
            return self

        @functools.wraps(self._begin)
        async def walk(*args: P.args, **kwargs: P.kwargs) -> AsyncIterator[LogLine]:
            following = self._begin(*args, **kwargs)
            while True:
                answer = await noun.client.open(Opening(following.call()))
                async with contextlib.aclosing(answer):
                    with contextlib.suppress(httpx.TransportError):
                        async for text in answer.aiter_text():
                            for line in following.take(text):
                                yield line
                if following.over:
                    return
                await noun.client.pause(BREAK_SECONDS)

        return walk


class Saves(Generic[P]):
    """A method that saves a file; gives its path."""

    def __init__(self, begin: Callable[P, Download]) -> None:
        self._begin = begin

    @overload
    def __get__(self, noun: None, kind: type[Any]) -> Self: ...
    @overload
    def __get__(self, noun: Noun, kind: type[Any]) -> Callable[P, Path]: ...
    def __get__(self, noun: Noun | None, kind: type[Any]) -> Self | Callable[P, Path]:
        if noun is None:
            return self

        @functools.wraps(self._begin)
        def save(*args: P.args, **kwargs: P.kwargs) -> Path:
            saving, client = self._begin(*args, **kwargs), noun.client
            try:
                while True:
                    answer = client.open(Opening(saving.call()))
                    with contextlib.closing(answer), saving.taking(answer):
                        for piece in answer.iter_bytes():
                            saving.take(piece)
                    if saving.over:
                        return saving.end()
                    client.pause(saving.pause(client.retrying))
            except BaseException:
                saving.give_up()
                raise

        return save


class AsyncSaves(Generic[P]):
    """The same, to await."""

    def __init__(self, begin: Callable[P, Download]) -> None:
        self._begin = begin

    @overload
    def __get__(self, noun: None, kind: type[Any]) -> Self: ...
    @overload
    def __get__(self, noun: AsyncNoun, kind: type[Any]) -> Callable[P, Coroutine[Any, Any, Path]]: ...
    def __get__(
        self, noun: AsyncNoun | None, kind: type[Any]
    ) -> Self | Callable[P, Coroutine[Any, Any, Path]]:
        if noun is None:
            return self

        @functools.wraps(self._begin)
        async def save(*args: P.args, **kwargs: P.kwargs) -> Path:
            saving, client = self._begin(*args, **kwargs), noun.client
            try:
                while True:
                    answer = await client.open(Opening(saving.call()))
                    async with contextlib.aclosing(answer):
                        with saving.taking(answer):
                            async for piece in answer.aiter_bytes():
                                saving.take(piece)
                    if saving.over:
                        return saving.end()
                    await client.pause(saving.pause(client.retrying))
            except BaseException:
                saving.give_up()
                raise

        return save
