"""Arithmetic: work for the CPU alone.

Integers are exact and without end, so each input has a limit that keeps the result below the size of one.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from noonmark.functions import Context, PermanentFailure, job

MOST_NUMBERS = 10_000
LARGEST_FIBONACCI = 10_000
LARGEST_PRIME = 10**15
_LONGEST_PRODUCT_BITS = 100_000
_CHECK_EVERY = 1 << 16

_NUMBERS = {"type": "array", "items": {"type": "number"}, "maxItems": MOST_NUMBERS}
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "oneOf": [
        {
            "properties": {"operation": {"enum": ["sum", "product"]}, "numbers": _NUMBERS},
            "required": ["operation", "numbers"],
            "additionalProperties": False,
        },
        {
            "properties": {
                "operation": {"const": "fibonacci"},
                "n": {"type": "integer", "minimum": 0, "maximum": LARGEST_FIBONACCI},
            },
            "required": ["operation", "n"],
            "additionalProperties": False,
        },
        {
            "properties": {
                "operation": {"const": "prime"},
                "n": {"type": "integer", "minimum": 0, "maximum": LARGEST_PRIME},
            },
            "required": ["operation", "n"],
            "additionalProperties": False,
        },
    ],
}


@job("compute.math", version=1, timeout_seconds=60, max_attempts=3, schema=SCHEMA)
def math_of(ctx: Context, params: Any) -> dict[str, Any]:
    """A sum, a product, a Fibonacci number, or whether a number is prime."""
    operation = _OPERATIONS.get(params.get("operation"))
    if operation is None:
        raise PermanentFailure(f"operation is one of {', '.join(_OPERATIONS)}")
    try:
        return {"operation": params["operation"], "result": operation(ctx, params)}
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise PermanentFailure(f"these params cannot be computed with: {error!r}") from error


def _sum(_: Context, params: Mapping[str, Any]) -> float:
    numbers = params["numbers"]
    return sum(numbers) if all(isinstance(each, int) for each in numbers) else math.fsum(numbers)


def _product(_: Context, params: Mapping[str, Any]) -> float:
    product: float = 1
    for number in params["numbers"]:
        product *= number
        if isinstance(product, int) and product.bit_length() > _LONGEST_PRODUCT_BITS:
            raise ValueError("the product is too large")
    return product


def _fibonacci(_: Context, params: Mapping[str, Any]) -> int:
    """Fast enough by adding; F(0) = 0, F(1) = 1."""
    this, following = 0, 1
    for _step in range(_within(params["n"], LARGEST_FIBONACCI)):
        this, following = following, this + following
    return this


def _prime(ctx: Context, params: Mapping[str, Any]) -> bool:
    """By trial division, so that it has something to do for large ones."""
    number = _within(params["n"], LARGEST_PRIME)
    if number < 4 or number % 2 == 0:
        return number in (2, 3)
    for divisor in range(3, math.isqrt(number) + 1, 2):
        if number % divisor == 0:
            return False
        if divisor % _CHECK_EVERY == 1:
            ctx.raise_if_cancelled()
    return True


def _within(number: int, largest: int) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= largest:
        raise ValueError(f"n is a whole number from 0 to {largest}")
    return number


_OPERATIONS: dict[str, Callable[[Context, Mapping[str, Any]], Any]] = {
    "sum": _sum,
    "product": _product,
    "fibonacci": _fibonacci,
    "prime": _prime,
}
