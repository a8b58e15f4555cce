"""What comes together is served together, and each is answered for itself."""

import asyncio

import pytest

from app.lanes import Asked, Lanes


class Squares:
    """Serves groups of at most three; who asks 13 breaks the group."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.lanes = Lanes[int, int](lambda waiting: (waiting[:3], waiting[3:]), self.serve)

    async def serve(self, group: list[Asked[int, int]]) -> None:
        self.groups.append([asked.question for asked in group])
        await asyncio.sleep(0)
        if any(asked.question == 13 for asked in group):
            raise ValueError
        for asked in group:
            asked.tell(asked.question**2)


@pytest.fixture
def squares() -> Squares:
    return Squares()


async def test_questions_that_come_together_are_one_group(squares: Squares) -> None:
    assert await asyncio.gather(*map(squares.lanes.ask, (1, 2, 3))) == [1, 4, 9]
    assert squares.groups == [[1, 2, 3]]


async def test_who_is_too_many_is_in_the_next_group(squares: Squares) -> None:
    assert await asyncio.gather(*map(squares.lanes.ask, (1, 2, 3, 4))) == [1, 4, 9, 16]
    assert squares.groups == [[1, 2, 3], [4]]


async def test_an_error_is_told_to_its_own_group_alone(squares: Squares) -> None:
    asked = map(squares.lanes.ask, (1, 2, 13, 4))
    told = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(one) for one in told] == [ValueError, ValueError, ValueError, int]


async def test_who_goes_away_takes_nothing_with_it(squares: Squares) -> None:
    gone = asyncio.create_task(squares.lanes.ask(1))
    stays = asyncio.create_task(squares.lanes.ask(2))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays == 4
    assert squares.groups == [[1, 2]]
