"""Attempts on a cluster: orders with folders, and all that they print."""

from collections.abc import Callable, Collection
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
from lightkube import KubeConfig, SingleConfig
from lightkube.config.models import Cluster as ClusterAddress
from lightkube.config.models import User
from tenacity import wait_fixed

from core.egress.images import parse_image_policy
from core.jobs.targets import Limits
from scheduler.runtimes.kubernetes.cluster import Cluster
from scheduler.runtimes.kubernetes.objects import Mark
from scheduler.runtimes.kubernetes.runtime import KubernetesRuntime
from scheduler.runtimes.runtime import Exit, Lasting, Order
from tests.integration.scheduler.runtimes.docker.rig import Printed, make_folder
from tests.integration.scheduler.runtimes.kubernetes.fake import NAMESPACE, URL, FakeCluster, FakePod
from tests.waiting import wait_until

IMAGE = "registry.test/tool:1"
INSTALLATION = "tests"


def config() -> SingleConfig:
    found = KubeConfig.from_one(cluster=ClusterAddress(server=URL), user=User(token="token")).get()
    assert found is not None
    return found


class Rig:
    """One runtime on the cluster of paper."""

    def __init__(
        self, fake: FakeCluster, folder: Path, *, replica: str = "one", patience_seconds: float = 0.3
    ) -> None:
        self.fake = fake
        self.folder = folder
        self.printed = Printed()
        self.over: set[UUID] = set()
        cluster = Cluster(config(), NAMESPACE, patience_seconds=patience_seconds, pause=wait_fixed(0.05))
        self.runtime = KubernetesRuntime(
            cluster,
            images=parse_image_policy("registry.test/"),
            mark=Mark(installation=INSTALLATION, replica=replica, collector="registry.test/collector:1"),
            over=self._over,
        )

    async def _over(self, asked: Collection[UUID]) -> Collection[UUID]:
        return self.over & set(asked)

    def order(
        self,
        *command: str,
        image: str = IMAGE,
        environment: dict[str, str] | None = None,
        params: bytes = b"null",
        limits: Limits | None = None,
        network: bool = False,
        grace_seconds: float = 5.0,
    ) -> Order:
        token = uuid4()
        return Order(
            job_id=uuid4(), attempt=1, lease_token=token, tenant_id=uuid4(), command=command or ("true",),
            image=image, environment=environment or {}, params=params,
            folder=make_folder(self.folder, token, params), limits=limits or Limits(), network=network,
            grace_seconds=grace_seconds, timeout_seconds=60.0,
        )  # fmt: skip

    def again(self, order: Order, *, losses: int = 0) -> Order:
        """The next attempt of the same job."""
        token = uuid4()
        folder = make_folder(self.folder, token, order.params)
        return msgspec.structs.replace(
            order, attempt=order.attempt + 1, lease_token=token, folder=folder, losses=losses
        )

    async def begin(self, order: Order) -> Lasting:
        work = await self.runtime.start(order, self.printed)
        assert isinstance(work, Lasting), work
        return work

    async def running(self, order: Order) -> tuple[Lasting, FakePod]:
        """Begun, with its container running."""
        work = await self.begin(order)
        pod = self.pod()
        await pod.start()
        return work, pod

    async def carry_out(self, order: Order) -> Exit:
        work = await self.runtime.start(order, self.printed)
        return work if isinstance(work, Exit) else await work.wait()

    def pod(self) -> FakePod:
        """The one that there is."""
        [name] = self.fake.objects["pods"]
        return self.fake.pods[name]

    def left(self) -> list[str]:
        """Names of all that is in the cluster."""
        return [name for kind in self.fake.objects.values() for name in kind]

    async def until(self, true: Callable[[], object], what: str) -> None:
        await wait_until(true, within=10, what=what)
