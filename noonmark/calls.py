"""What a method of the client is before anybody does it: a talk, without any I/O.

A talk is iterated. It yields calls and pauses, and is given each call's successful response, until it returns
its result; a call that failed is thrown into it. A single `Call` is a talk by itself, and `yield from call`
makes it a part of a longer one. So every method is written once, and the blocking and the asynchronous client
differ only in how they drive it (see `noonmark.conversation`).
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID, uuid4

import httpx
import msgspec

from noonmark.errors import TimedOut
from noonmark.model import Page, State
from noonmark.sending import Body

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Lasting(Protocol):
    """What comes to an end."""

    @property
    def state(self) -> State: ...


L = TypeVar("L", bound=Lasting)

Id = UUID | str
Query = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait a little before going on."""

    seconds: float


class Talk(Protocol[T_co]):
    """One or more calls that lead to one result."""

    def __iter__(self) -> "Generator[Call[Any] | Pause, httpx.Response, T_co]": ...


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request, and how to read its answer."""

    method: str
    path: str
    read: Callable[[bytes], T]
    query: Query = ()
    content: bytes | None = None
    body: Body | None = None
    """Instead of a content, what is read while it is sent; it says itself what it is."""
    headers: Query = ()
    """Besides those that every request has."""
    key: str | None = None
    """Idempotency key; what carries one may be repeated."""
    safe: bool = False
    """Whether doing it twice is the same as doing it once."""
    private: bool = True
    """Whether it needs a token."""
    media_type: str = "application/json"
    """Of the content."""
    cursor: str = "cursor"
    """The parameter that a list's `next_cursor` goes into."""

    def __iter__(self) -> "Generator[Call[Any] | Pause, httpx.Response, T]":
        answer = yield self
        return self.read(answer.content)

    @property
    def repeatable(self) -> bool:
        """Whether it may be tried again when nobody knows what became of it."""
        return (self.safe or self.key is not None) and (self.body is None or self.body.repeatable)


Listing = Call[Page[T]]
Talking = Generator[Call[Any] | Pause, httpx.Response, T]


def after(call: "Listing[T]", cursor: str) -> "Listing[T]":
    """The same list, from where a page before ended."""
    query = tuple(pair for pair in call.query if pair[0] != call.cursor)
    return replace(call, query=(*query, (call.cursor, cursor)))


def get(path: str, read: Callable[[bytes], T], query: Query = (), *, private: bool = True) -> Call[T]:
    """Reading; always safe."""
    return Call("GET", path, read, query, safe=True, private=private)


def post(path: str, read: Callable[[bytes], T], body: Mapping[str, Any] | None = None) -> Call[T]:
    """Doing something, perhaps twice if it is repeated."""
    return Call("POST", path, read, content=None if body is None else msgspec.json.encode(body))


def making(path: str, read: Callable[[bytes], T], body: Mapping[str, Any] | None, key: str | None) -> Call[T]:
    """Creating something, once: repeated under the same key it is answered with what was created."""
    return replace(post(path, read, body), key=key or str(uuid4()))


def until_over(look: Call[L], what: str, *, timeout: float | None, every: float) -> Talking[L]:
    """What is looked at, once it is over. TimedOut if it is not within so many seconds."""
    waited = 0.0
    while True:
        found = yield from look
        if found.state.final:
            return found
        if timeout is not None and waited >= timeout:
            raise TimedOut(f"{what} is {found.state} after {timeout:g} s")
        pause = every if timeout is None else min(every, timeout - waited)
        yield Pause(pause)
        waited += pause


def nothing(_: bytes) -> None:
    """The reader of an answer that says no more than its status."""


def identity(given: Id) -> str:
    """An id as it stands in a path. ValueError if it is none, before it becomes another path."""
    return str(given if isinstance(given, UUID) else UUID(given))


def paging(limit: int | None, cursor: str | None) -> Query:
    """The part of a query that says which page."""
    given = (("limit", limit), ("cursor", cursor))
    return tuple((name, str(value)) for name, value in given if value is not None)


def public(call: Call[T]) -> Call[T]:
    """The same without a token."""
    return replace(call, private=False)
