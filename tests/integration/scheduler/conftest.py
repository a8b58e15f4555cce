"""What the tests of the scheduler's parts share."""

import pytest

from core.db import Database
from tests.jobs import Tenant, make_tenant


@pytest.fixture
async def tenant(database: Database) -> Tenant:
    return await make_tenant(database)
