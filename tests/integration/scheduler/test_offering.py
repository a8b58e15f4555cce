"""What a replica offers, from its settings."""

from pathlib import Path
from uuid import uuid4

import pytest

from core.errors import SettingError
from core.jobs.model import Needs
from core.settings import load
from scheduler import offering

DSN = {"DATABASE_URL": "postgresql://u@127.0.0.1/d"}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"NOONMARK_RUNTIMES": "docker", "NOONMARK_IMAGES": "a b"}, "NOONMARK_IMAGES"),
        ({"NOONMARK_RUNTIMES": "function", "NOONMARK_FUNCTIONS": "no.such.module"}, "NOONMARK_FUNCTIONS"),
    ],
)
async def test_a_setting_that_cannot_be_offered_is_named(given: dict[str, str], named: str) -> None:
    with pytest.raises(SettingError, match=named):
        async with offering.offered(load(DSN | given), uuid4()):
            pass


def test_a_runtime_that_is_none_is_named() -> None:
    with pytest.raises(SettingError, match="NOONMARK_RUNTIMES"):
        load(DSN | {"NOONMARK_RUNTIMES": "process,kubernetes"})


async def test_a_runtime_named_twice_is_offered_once(tmp_path: Path) -> None:
    given = {"NOONMARK_RUNTIMES": "process, process", "NOONMARK_DATA_DIR": str(tmp_path)}
    async with offering.offered(load(DSN | given), uuid4()) as runtimes:
        assert list(runtimes) == [Needs.PROCESS]


async def test_nothing_is_offered_unasked() -> None:
    async with offering.offered(load(DSN), uuid4()) as runtimes:
        assert not runtimes
