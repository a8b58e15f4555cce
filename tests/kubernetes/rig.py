"""Attempts on the control plane, by an account with no more rights than are documented."""

from collections.abc import Collection
from pathlib import Path
from uuid import UUID, uuid4

import msgspec

from core.egress.images import parse_image_policy
from scheduler.runtimes.kubernetes.cluster import opened
from scheduler.runtimes.kubernetes.objects import Mark
from scheduler.runtimes.kubernetes.runtime import KubernetesRuntime
from scheduler.runtimes.runtime import Exit, Lasting, Order
from tests.integration.scheduler.runtimes.docker.rig import Printed, make_folder
from tests.kubernetes.node import Node
from tests.kubernetes.plane import NAMESPACE, Plane
from tests.waiting import wait_until


class Rig:
    """One runtime, as a scheduler makes it."""

    def __init__(
        self, plane: Plane, node: Node, folder: Path, *, replica: str = "one", ttl_seconds: int = 3600
    ):
        self.node = node
        self.folder = folder
        self.printed = Printed()
        self.over: set[UUID] = set()
        self.cluster = opened(str(plane.kubeconfig(plane.token(), name=replica)), NAMESPACE)
        self.runtime = KubernetesRuntime(
            self.cluster,
            images=parse_image_policy("registry.test/"),
            mark=Mark(
                installation="tests", replica=replica, collector="registry.test/c:1", ttl_seconds=ttl_seconds
            ),
            over=self._over,
        )

    async def _over(self, asked: Collection[UUID]) -> Collection[UUID]:
        return self.over & set(asked)

    def order(self, *command: str, timeout_seconds: float = 60.0, grace_seconds: float = 2.0) -> Order:
        token, params = uuid4(), b'{"score":61}'
        return Order(
            job_id=uuid4(), attempt=1, lease_token=token, tenant_id=uuid4(), command=command,
            image="registry.test/tool:1", environment={"KEY": "s3cret"}, params=params,
            folder=make_folder(self.folder, token, params), timeout_seconds=timeout_seconds,
            grace_seconds=grace_seconds,
        )  # fmt: skip

    def again(self, order: Order, *, losses: int = 1) -> Order:
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

    async def carry_out(self, order: Order) -> Exit:
        return await (await self.begin(order)).wait()

    async def running(self, order: Order) -> Lasting:
        work = await self.begin(order)
        await self.until_running(order)
        return work

    async def until_running(self, order: Order) -> str:
        async def look() -> str:
            pod = await self.node.pod(order.job_id)
            return pod["metadata"]["name"] if pod and pod["status"]["phase"] == "Running" else ""

        return await wait_until(look, within=20, what="its container runs")

    async def abandon(self, work: Lasting) -> None:
        """What kill -9 does: nobody follows it, and nobody has removed anything."""
        work._end.cancel()  # type: ignore[attr-defined]

    async def left(self) -> list[str]:
        """All there is of attempts."""
        found = await self.node.all("jobs", "apis/batch/v1")
        found += await self.node.all("pods") + await self.node.all("secrets")
        return [each["metadata"]["name"] for each in found]

    async def until_nothing_is_left(self, *, within: float = 20.0) -> None:
        async def look() -> bool:
            return not await self.left()

        await wait_until(look, within=within, what="nothing is left in the cluster")
