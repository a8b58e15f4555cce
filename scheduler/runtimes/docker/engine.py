"""The connection to a Docker Engine on this host, and which of its failures mean that it is away.

Only a local socket is spoken to: the attempt's folder is mounted, so the engine must see our file system.
Every container that runs holds two connections for its whole life, so their number has no limit here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiodocker import Docker, DockerError
from aiodocker.containers import DockerContainer
from aiohttp import ClientError, ClientTimeout, UnixConnector

from core import log

_log = log.get(__name__)

GONE = frozenset({404, 409})
"""The engine's answers when a container is not there, does not run, or is being removed already."""

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 120.0
"""For all but what lasts as long as a container or a pull does."""

_NO_CONNECTION = 900
"""The status that aiodocker gives to an engine that cannot be reached."""


class EngineError(Exception):
    """The engine does not do what it must; nothing that the job asked for is the reason."""


class EngineAway(EngineError):
    """The engine cannot be reached, or stopped answering."""


class Engine(Docker):
    """A client of the engine behind a socket; made inside a running loop."""

    def __init__(self, socket: Path) -> None:
        self._sockets = UnixConnector(path=str(socket), limit=0)
        super().__init__(
            url="unix://localhost",
            connector=self._sockets,
            timeout=ClientTimeout(total=_ANSWER_SECONDS, sock_connect=_CONNECT_SECONDS),
        )

    async def close(self) -> None:
        await super().close()
        await self._sockets.close()


@contextmanager
def talking() -> Iterator[None]:
    """Raises EngineAway for whatever the loss of the engine looks like; DockerError is its answer."""
    try:
        yield
    except DockerError as error:
        if error.status != _NO_CONNECTION:
            raise
        raise EngineAway(error.message) from error
    # An answer that breaks off in the middle is no JSON.
    except (ClientError, OSError, TimeoutError, ValueError) as error:
        raise EngineAway(repr(error)) from error


async def remove(container: DockerContainer) -> bool:
    """End a container and remove it with what only it used; false if it was not there, or must be swept."""
    try:
        with talking():
            await container.delete(force=True, v=True)
    except DockerError as error:
        if error.status not in GONE:
            _log.warning("container_kept", container=container.id, error=error.message)
        return False
    except EngineAway as error:
        _log.warning("container_kept", container=container.id, error=str(error))
        return False
    return True
