"""A connection to the test's database."""

from collections.abc import AsyncIterator

import pytest

from core.db import Database, Raw


@pytest.fixture
async def db(database: Database) -> AsyncIterator[Raw]:
    async with database.raw() as opened:
        yield opened
