"""Which functions there are, by `key@version`.

One registry holds what a host's modules have registered. Two functions of one name are an error at once:
which of them a job meant could not be told. A function that was registered stays callable, so that its author
can test it without us.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeVar

from noonmark.functions.context import Context
from noonmark.functions.failures import DuplicateFunction

Body = Callable[[Context, Any], Any]
"""Takes context and params, and returns a JSON value or an awaitable of one."""
Handler = Callable[..., Any]
"""A hook's: sync or async."""
Attached = TypeVar("Attached", bound=Handler)

_KEY = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_LONGEST_KEY = 100
_MOST_ATTEMPTS = 21


class Hook(StrEnum):
    """When something else is called around a function, in this order."""

    ON_START = "on_start"
    """`(ctx)`, before the function. Its error fails the attempt."""
    ON_SUCCESS = "on_success"
    """`(ctx, result)`, after a success."""
    ON_FAIL = "on_fail"
    """`(ctx, error)`, after the last attempt failed; a permanent failure makes an attempt the last."""
    ON_END = "on_end"
    """`(ctx)`, after every attempt that began: success, failure or cancel. `ctx.ending` says which."""


class Function:
    """A registered function, with what is around it."""

    def __init__(
        self,
        body: Body,
        *,
        key: str,
        version: int,
        timeout_seconds: float,
        max_attempts: int,
        concurrency: int | None,
        schema: Mapping[str, Any] | None,
    ) -> None:
        self.body = body
        self.key = key
        self.version = version
        self.timeout_seconds = timeout_seconds
        self.max_attempts = max_attempts
        self.concurrency = concurrency
        self.schema = schema
        self.hooks: dict[Hook, list[Handler]] = {hook: [] for hook in Hook}

    def __call__(self, ctx: Context, params: Any) -> Any:
        """The function alone, without its hooks."""
        return self.body(ctx, params)

    def __repr__(self) -> str:
        return f"<Function {self.name}>"

    @property
    def name(self) -> str:
        return f"{self.key}@{self.version}"

    @property
    def place(self) -> str:
        code = getattr(self.body, "__code__", None)
        return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(self.body)

    def on_start(self, handler: Attached) -> Attached:
        return self._attached(Hook.ON_START, handler)

    def on_success(self, handler: Attached) -> Attached:
        return self._attached(Hook.ON_SUCCESS, handler)

    def on_fail(self, handler: Attached) -> Attached:
        return self._attached(Hook.ON_FAIL, handler)

    def on_end(self, handler: Attached) -> Attached:
        return self._attached(Hook.ON_END, handler)

    def _attached(self, hook: Hook, handler: Attached) -> Attached:
        self.hooks[hook].append(handler)
        return handler


class Registry:
    """Functions by name."""

    def __init__(self) -> None:
        self._functions: dict[str, Function] = {}

    def job(
        self,
        key: str,
        *,
        version: int,
        timeout_seconds: float = 300.0,
        max_attempts: int = 4,
        concurrency: int | None = None,
        schema: Mapping[str, Any] | None = None,
        on_start: Handler | None = None,
        on_success: Handler | None = None,
        on_fail: Handler | None = None,
        on_end: Handler | None = None,
    ) -> Callable[[Body], Function]:
        """Register what is decorated. `schema` is the JSON Schema (2020-12) of its params.

        ValueError for a key, version or number that cannot be; DuplicateFunction for a name that is taken.
        """
        _check(key, version, timeout_seconds, max_attempts, concurrency)
        given = {
            Hook.ON_START: on_start,
            Hook.ON_SUCCESS: on_success,
            Hook.ON_FAIL: on_fail,
            Hook.ON_END: on_end,
        }

        def registered(body: Body) -> Function:
            function = Function(
                body,
                key=key,
                version=version,
                timeout_seconds=timeout_seconds,
                max_attempts=max_attempts,
                concurrency=concurrency,
                schema=schema,
            )
            for hook, handler in given.items():
                if handler is not None:
                    function.hooks[hook].append(handler)
            self._add(function)
            return function

        return registered

    def find(self, name: str) -> Function | None:
        """By `key@version`."""
        return self._functions.get(name)

    def __iter__(self) -> Iterator[Function]:
        return iter(sorted(self._functions.values(), key=lambda each: (each.key, each.version)))

    def _add(self, function: Function) -> None:
        known = self._functions.setdefault(function.name, function)
        if known is not function:
            raise DuplicateFunction(
                f"{function.name} is registered twice, at {known.place} and at {function.place}; "
                "give one of them another key or version"
            )


def _check(
    key: str, version: int, timeout_seconds: float, max_attempts: int, concurrency: int | None
) -> None:
    rules: Sequence[tuple[bool, str]] = [
        (
            bool(_KEY.fullmatch(key)) and len(key) <= _LONGEST_KEY,
            f"a key is made of lower-case letters and digits, joined by single . _ or -, not {key!r}",
        ),
        (version >= 1, f"{key}: a version is 1 or more, not {version!r}"),
        (timeout_seconds > 0, f"{key}: timeout_seconds is more than 0, not {timeout_seconds!r}"),
        (1 <= max_attempts <= _MOST_ATTEMPTS, f"{key}: max_attempts is 1 to {_MOST_ATTEMPTS}"),
        (concurrency is None or concurrency >= 1, f"{key}: concurrency is 1 or more, or left out"),
    ]
    for holds, otherwise in rules:
        if not holds:
            raise ValueError(otherwise)


REGISTRY = Registry()
"""What a host serves."""
job = REGISTRY.job
