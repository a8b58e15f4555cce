"""What a replica runs besides HTTP calls: made from the settings, checked, and let go of at the end."""

import hashlib
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

from core import log
from core.db import Database
from core.egress.images import ImageFault, ImagePolicy, parse_image, parse_image_policy
from core.errors import SettingError
from core.jobs import store as jobs
from core.jobs.model import Needs
from core.settings import Settings, parts, variable
from scheduler import publishing
from scheduler.runtimes import drop
from scheduler.runtimes.docker import credentials
from scheduler.runtimes.docker.credentials import CredentialsBroken
from scheduler.runtimes.docker.runtime import DockerRuntime
from scheduler.runtimes.events import Events
from scheduler.runtimes.function import BUILT_IN, FunctionRuntime, FunctionsRefused
from scheduler.runtimes.kubernetes.cluster import ClusterAway, ClusterError, NoCluster, opened
from scheduler.runtimes.kubernetes.objects import Mark
from scheduler.runtimes.kubernetes.runtime import KubernetesRuntime
from scheduler.runtimes.process import ProcessRuntime
from scheduler.runtimes.runtime import Runtime

_log = log.get(__name__)


def root(settings: Settings, needs: Needs) -> Path:
    """Where attempts of one kind have their folders: each its own, for a sweep takes what nobody holds."""
    return Path(settings.data_dir).absolute() / "attempts" / needs.name.lower()


def owner(settings: Settings, needs: Needs) -> tuple[int, int] | None:
    """Whom attempts of one kind run as, uid and gid; none is ourselves. SettingError if that cannot be."""
    if settings.process_user is None or needs is not Needs.PROCESS:
        return None
    try:
        user = drop.parse(settings.process_user)
        drop.check(user, root(settings, needs))
    except ValueError as error:
        raise SettingError(variable("process_user"), str(error)) from None
    return user


@asynccontextmanager
async def offered(
    settings: Settings, replica: UUID, database: Database, *, events: Events | None = None
) -> AsyncIterator[Mapping[Needs, Runtime]]:
    """The runtimes by what they answer, and tell ``events``. SettingError for one that cannot be offered."""
    runtimes: dict[Needs, Runtime] = {}
    try:
        for name in dict.fromkeys(parts(settings.runtimes)):
            needs = Needs[name.upper()]
            runtimes[needs] = await _made(settings, needs, replica, database, events)
        yield runtimes
    finally:
        for runtime in runtimes.values():
            await runtime.close()


async def _made(
    settings: Settings, needs: Needs, replica: UUID, database: Database, events: Events | None
) -> Runtime:
    if needs is Needs.PROCESS:
        return ProcessRuntime(root(settings, needs), user=owner(settings, needs))
    if needs is Needs.FUNCTION:
        return await _functions(settings, events)
    if needs is Needs.KUBERNETES:
        return await _kubernetes(settings, replica, database)
    return DockerRuntime(
        Path(settings.docker_socket),
        images=_images(settings),
        replica=str(replica),
        installation=_installation(settings.database_url),
        network=settings.docker_network,
        credentials=_credentials(settings),
    )


def _credentials(settings: Settings) -> Path | None:
    if settings.docker_config is None:
        return None
    file = Path(settings.docker_config)
    try:
        credentials.read(file)
    except CredentialsBroken as error:
        raise SettingError(variable("docker_config"), str(error)) from None
    return file


async def _kubernetes(settings: Settings, replica: UUID, database: Database) -> KubernetesRuntime:
    async def over(asked: Collection[UUID]) -> Collection[UUID]:
        async with database.raw() as db:
            return await jobs.over(db, asked)

    images, collector = _images(settings), parse_image(settings.kubernetes_collector)
    if isinstance(collector, ImageFault):
        raise SettingError(variable("kubernetes_collector"), collector.message)
    try:
        cluster = opened(settings.kubeconfig, settings.kubernetes_namespace)
    except NoCluster as error:
        raise SettingError(variable("kubeconfig"), str(error)) from None
    mark = Mark(
        installation=_installation(settings.database_url),
        replica=str(replica),
        collector=collector.pullable,
        output_mb=settings.output_mb,
    )
    runtime = KubernetesRuntime(cluster, images=images, mark=mark, over=over)
    try:
        await runtime.check()
    except ClusterAway as error:
        _log.warning("cluster_away", namespace=cluster.namespace, error=str(error))
    except ClusterError as error:
        await runtime.close()
        raise SettingError(variable("runtimes"), f"kubernetes: {error}") from None
    return runtime


async def _functions(settings: Settings, events: Events | None) -> FunctionRuntime:
    modules = (*BUILT_IN, *parts(settings.functions))
    told = {variable("egress_allow"): settings.egress_allow}
    runtime = FunctionRuntime(modules=modules, processes=settings.code_concurrency, told=told, events=events)
    try:
        refusal = publishing.refusal(await runtime.catalogue())
    except FunctionsRefused as error:
        refusal = str(error)
    if refusal is not None:
        await runtime.close()
        raise SettingError(variable("functions"), refusal)
    return runtime


def _images(settings: Settings) -> ImagePolicy:
    try:
        return parse_image_policy(settings.images)
    except ValueError as error:
        raise SettingError(variable("images"), str(error)) from None


def _installation(database_url: str) -> str:
    """A name that all replicas on one database share, as long as their DATABASE_URL leads to the same one."""
    url = urlsplit(database_url)
    place = f"{url.hostname}:{url.port or 5432}{url.path}?{url.query}"
    return hashlib.sha256(place.encode()).hexdigest()[:16]
