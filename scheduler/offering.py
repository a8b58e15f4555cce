"""What a replica runs besides HTTP calls: made from the settings, checked, and let go of at the end."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

from core.egress.images import ImagePolicy, parse_image_policy
from core.errors import SettingError
from core.jobs.model import Needs
from core.settings import Settings, parts, variable
from scheduler import publishing
from scheduler.runtimes.docker.runtime import DockerRuntime
from scheduler.runtimes.function import BUILT_IN, FunctionRuntime, FunctionsRefused
from scheduler.runtimes.process import ProcessRuntime
from scheduler.runtimes.runtime import Runtime


def root(settings: Settings, needs: Needs) -> Path:
    """Where attempts of one kind have their folders: each its own, for a sweep takes what nobody holds."""
    return Path(settings.data_dir).absolute() / "attempts" / needs.name.lower()


@asynccontextmanager
async def offered(settings: Settings, replica: UUID) -> AsyncIterator[Mapping[Needs, Runtime]]:
    """The runtimes by what they answer. SettingError for one that cannot be offered."""
    runtimes: dict[Needs, Runtime] = {}
    try:
        for name in dict.fromkeys(parts(settings.runtimes)):
            needs = Needs[name.upper()]
            runtimes[needs] = await _made(settings, needs, replica)
        yield runtimes
    finally:
        for runtime in runtimes.values():
            await runtime.close()


async def _made(settings: Settings, needs: Needs, replica: UUID) -> Runtime:
    if needs is Needs.PROCESS:
        return ProcessRuntime(root(settings, needs))
    if needs is Needs.FUNCTION:
        return await _functions(settings)
    return DockerRuntime(
        Path(settings.docker_socket),
        images=_images(settings),
        replica=str(replica),
        installation=_installation(settings.database_url),
        network=settings.docker_network,
    )


async def _functions(settings: Settings) -> FunctionRuntime:
    modules = (*BUILT_IN, *parts(settings.functions))
    told = {variable("egress_allow"): settings.egress_allow}
    runtime = FunctionRuntime(modules=modules, processes=settings.code_concurrency, told=told)
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
