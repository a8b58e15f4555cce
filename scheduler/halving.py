"""A batch does not die of one row: what the database refuses as data is halved until the row is found."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from core.db import is_refused

Row = TypeVar("Row")
Answer = TypeVar("Answer")


async def halved(
    rows: Sequence[Row],
    write: Callable[[Sequence[Row]], Awaitable[Iterable[Answer]]],
    alone: Callable[[Row, Exception], Awaitable[Iterable[Answer]]],
) -> list[Answer]:
    """What `write` answers for all rows; for each that is refused by itself, what `alone` does.

    Raises what `write` raises for any other reason than a row's data.
    """
    try:
        return list(await write(rows))
    except Exception as error:
        if not is_refused(error):
            raise
        if len(rows) == 1:
            return list(await alone(rows[0], error))
    middle = len(rows) // 2
    return [*await halved(rows[:middle], write, alone), *await halved(rows[middle:], write, alone)]
