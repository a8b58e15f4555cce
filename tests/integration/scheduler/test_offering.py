"""What a replica offers, from its settings."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from core.db import Database
from core.errors import SettingError
from core.jobs.model import Needs
from core.settings import load
from scheduler import offering
from tests.integration.scheduler.runtimes.kubernetes.fake import NAMESPACE, URL, FakeCluster, answering

DSN = {"DATABASE_URL": "postgresql://u@127.0.0.1/d"}
NOWHERE = Database(DSN["DATABASE_URL"], name="tests")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"NOONMARK_RUNTIMES": "docker", "NOONMARK_IMAGES": "a b"}, "NOONMARK_IMAGES"),
        ({"NOONMARK_RUNTIMES": "function", "NOONMARK_FUNCTIONS": "no.such.module"}, "NOONMARK_FUNCTIONS"),
        ({"NOONMARK_RUNTIMES": "kubernetes", "NOONMARK_KUBECONFIG": "/no/such/file"}, "NOONMARK_KUBECONFIG"),
        ({"NOONMARK_RUNTIMES": "kubernetes"}, "NOONMARK_KUBECONFIG"),
        (
            {"NOONMARK_RUNTIMES": "kubernetes", "NOONMARK_KUBERNETES_COLLECTOR": "A B"},
            "NOONMARK_KUBERNETES_COLLECTOR",
        ),
    ],
)
async def test_a_setting_that_cannot_be_offered_is_named(given: dict[str, str], named: str) -> None:
    with pytest.raises(SettingError, match=named):
        async with offering.offered(load(DSN | given), uuid4(), NOWHERE):
            pass


def test_a_runtime_that_is_none_is_named() -> None:
    with pytest.raises(SettingError, match="NOONMARK_RUNTIMES"):
        load(DSN | {"NOONMARK_RUNTIMES": "process,podman"})


@pytest.fixture
async def cluster() -> AsyncIterator[FakeCluster]:
    async with answering() as made:
        yield made


@pytest.fixture
def kubeconfig(tmp_path: Path) -> dict[str, str]:
    """Leads to the cluster of paper."""
    given = {
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": URL}}],
        "users": [{"name": "u", "user": {"token": "token"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": NAMESPACE}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(given))
    return {"NOONMARK_RUNTIMES": "kubernetes", "NOONMARK_KUBECONFIG": str(tmp_path / "kubeconfig")}


async def test_a_cluster_is_asked_before_its_runtime_is_offered(
    cluster: FakeCluster, kubeconfig: dict[str, str]
) -> None:
    async with offering.offered(load(DSN | kubeconfig), uuid4(), NOWHERE) as runtimes:
        assert list(runtimes) == [Needs.KUBERNETES]
    assert cluster.requests == ["GET jobs"]


async def test_a_cluster_that_is_away_is_no_reason_not_to_start(
    cluster: FakeCluster, kubeconfig: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.runtimes.kubernetes.cluster._PATIENCE_SECONDS", 0.1)
    cluster.away = True
    async with offering.offered(load(DSN | kubeconfig), uuid4(), NOWHERE) as runtimes:
        assert list(runtimes) == [Needs.KUBERNETES]


async def test_a_cluster_that_refuses_us_is_named_at_the_start(
    cluster: FakeCluster, kubeconfig: dict[str, str]
) -> None:
    cluster.broken.add("GET jobs")
    with pytest.raises(SettingError, match="forbidden"):
        async with offering.offered(load(DSN | kubeconfig), uuid4(), NOWHERE):
            pass


async def test_a_runtime_named_twice_is_offered_once(tmp_path: Path) -> None:
    given = {"NOONMARK_RUNTIMES": "process, process", "NOONMARK_DATA_DIR": str(tmp_path)}
    async with offering.offered(load(DSN | given), uuid4(), NOWHERE) as runtimes:
        assert list(runtimes) == [Needs.PROCESS]


async def test_nothing_is_offered_unasked() -> None:
    async with offering.offered(load(DSN), uuid4(), NOWHERE) as runtimes:
        assert not runtimes


def test_the_clients_of_engines_that_are_not_offered_are_not_loaded() -> None:
    looking = "import sys, scheduler.__main__; print({'aiodocker', 'lightkube'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", looking], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
