"""The runtime of a Docker Engine, from the settings of a replica that offers it."""

from pathlib import Path
from uuid import UUID

from core.db import Database
from core.errors import SettingError
from core.settings import Settings, variable
from scheduler.runtimes import containers
from scheduler.runtimes.docker import credentials
from scheduler.runtimes.docker.credentials import CredentialsBroken
from scheduler.runtimes.docker.runtime import DockerRuntime


async def made(settings: Settings, replica: UUID, _database: Database) -> DockerRuntime:
    """SettingError if the settings do not make sense; the engine itself is not asked."""
    return DockerRuntime(
        Path(settings.docker_socket),
        images=containers.images(settings),
        replica=str(replica),
        installation=containers.installation(settings.database_url),
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
