"""The runtime of a Kubernetes cluster, from the settings of a replica that offers it."""

from collections.abc import Collection
from uuid import UUID

from core import log
from core.db import Database
from core.egress.images import ImageFault, parse_image
from core.errors import SettingError
from core.jobs import store as jobs
from core.settings import Settings, variable
from scheduler.runtimes import containers
from scheduler.runtimes.kubernetes.cluster import Cluster, ClusterAway, ClusterError, NoCluster, opened
from scheduler.runtimes.kubernetes.objects import Mark
from scheduler.runtimes.kubernetes.runtime import KubernetesRuntime

_log = log.get(__name__)


async def made(settings: Settings, replica: UUID, database: Database) -> KubernetesRuntime:
    """SettingError if the settings do not make sense, or the cluster refuses us; it may be away."""

    async def over(asked: Collection[UUID]) -> Collection[UUID]:
        async with database.raw() as db:
            return await jobs.over(db, asked)

    images, mark = containers.images(settings), _mark(settings, replica)
    cluster = _cluster(settings)
    runtime = KubernetesRuntime(cluster, images=images, mark=mark, over=over)
    try:
        await runtime.check()
    except ClusterAway as error:
        _log.warning("cluster_away", namespace=cluster.namespace, error=str(error))
    except ClusterError as error:
        await runtime.close()
        raise SettingError(variable("runtimes"), f"kubernetes: {error}") from None
    return runtime


def _mark(settings: Settings, replica: UUID) -> Mark:
    collector = parse_image(settings.kubernetes_collector)
    if isinstance(collector, ImageFault):
        raise SettingError(variable("kubernetes_collector"), collector.message)
    return Mark(
        installation=containers.installation(settings.database_url),
        replica=str(replica),
        collector=collector.pullable,
        output_mb=settings.output_mb,
    )


def _cluster(settings: Settings) -> Cluster:
    try:
        return opened(settings.kubeconfig, settings.kubernetes_namespace)
    except NoCluster as error:
        raise SettingError(variable("kubeconfig"), str(error)) from None
