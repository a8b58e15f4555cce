"""Orders carried out in containers: an image judged, found or pulled, a container made and started, or swept.

The engine never sees a reference that was not parsed and allowed here, and is told to run exactly the image
that was looked at (by its id). Labels mark what is ours; a sweep leaves alone what another installation
started, and what is younger than any list of held leases can be.

An engine that cannot be reached loses the attempt that was to be started; `sweep` raises EngineAway.
EngineError is raised where the engine does not see the folders of attempts: both must be on one file system.
"""

import asyncio
import json
import os
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from aiodocker import DockerError

from core import log
from core.egress.images import Image, ImagePolicy, parse_image
from core.jobs.targets import Limits
from scheduler.runtimes.docker import credentials
from scheduler.runtimes.docker.container import (
    DEFAULT_LIMITS,
    LABEL_INSTALLATION,
    LABEL_LEASE,
    container_config,
    container_labels,
    container_name,
    container_user,
)
from scheduler.runtimes.docker.credentials import CredentialsBroken
from scheduler.runtimes.docker.engine import Engine, EngineAway, EngineError, remove, talking
from scheduler.runtimes.docker.work import DockerWork
from scheduler.runtimes.runtime import Ending, Exit, Order, Output, Work

_log = log.get(__name__)

_NO_NETWORK = "none"
_NOT_FOUND = 404
_BAD_REQUEST = 400


class DockerRuntime:
    """Made inside a running loop; connects when it is first used."""

    def __init__(
        self,
        socket: Path,
        *,
        images: ImagePolicy,
        replica: str,
        installation: str,
        network: str | None = None,
        credentials: Path | None = None,
        defaults: Limits = DEFAULT_LIMITS,
        pull_seconds: float = 600.0,
        away_seconds: float = 30.0,
        young_seconds: float = 60.0,
    ) -> None:
        """`installation` is the same for all replicas on one database, and no other's; `network` is the
        engine's network for orders that want one, none to refuse them; `credentials` is the file with
        those of registries. A list of held leases must be younger than `young_seconds` when `sweep` gets
        it."""
        self._engine = Engine(socket)
        self._images = images
        self._replica = replica
        self._installation = installation
        self._network = network
        self._credentials = credentials
        self._defaults = defaults
        self._pull_seconds = pull_seconds
        self._away_seconds = away_seconds
        self._young_seconds = young_seconds
        self._removals: set[asyncio.Task[bool]] = set()

    async def start(self, order: Order, output: Output) -> Work | Exit:
        try:
            return await self._started(order, output)
        except EngineAway as error:
            _log.warning("engine_away", job_id=str(order.job_id), error=str(error))
            return Exit(how=Ending.NODE_LOST, message="The engine that was to run it could not be reached.")

    async def _started(self, order: Order, output: Output) -> Work | Exit:
        image = parse_image(order.image or "")
        fault = self._images.refuse(image) if isinstance(image, Image) else image
        if fault is not None or not isinstance(image, Image):
            return _image_error(fault.message if fault else "")
        if order.network and self._network is None:
            return Exit(how=Ending.NOT_STARTED, message="Containers get no network here.")
        found = await self._obtain(image)
        if isinstance(found, Exit):
            return found
        _open(order.folder)
        return await self._launch(order, self._config(order, found), output)

    async def sweep(self, held: Collection[UUID]) -> int:
        kept = {str(token) for token in held}
        marks = [LABEL_LEASE, f"{LABEL_INSTALLATION}={self._installation}"]
        with talking():
            now = datetime.fromisoformat((await self._engine.system.info())["SystemTime"]).timestamp()
            found = await self._engine.containers.list(all=True, filters=json.dumps({"label": marks}))
        left = [
            container
            for container in found
            if container["Labels"][LABEL_LEASE] not in kept
            and now - container["Created"] >= self._young_seconds
        ]
        for container in left:
            _log.info("container_swept", container=container.id, lease=container["Labels"][LABEL_LEASE])
        return sum([await remove(container) for container in left])

    async def close(self) -> None:
        await asyncio.gather(*self._removals, return_exceptions=True)
        await self._engine.close()

    async def _obtain(self, image: Image) -> dict[str, Any] | Exit:
        """What the engine knows of an image, pulled if it has none."""
        try:
            with talking():
                return await self._look(image) or await self._pull(image)
        except (DockerError, CredentialsBroken) as error:
            _log.warning("image_not_pulled", image=str(image), error=str(error))
            return _image_error(f"The image {image} is not here and could not be pulled.")

    async def _look(self, image: Image) -> dict[str, Any] | None:
        try:
            return await self._engine.images.inspect(image.pullable)
        except DockerError as error:
            if error.status != _NOT_FOUND:
                raise
            return None

    async def _pull(self, image: Image) -> dict[str, Any] | Exit:
        auth = await asyncio.to_thread(credentials.of, self._credentials, image.registry)
        try:
            async with asyncio.timeout(self._pull_seconds):
                await self._engine.images.pull(image.pullable, auth=auth)
        except TimeoutError:
            return _image_error(f"The image {image} did not arrive within {self._pull_seconds:g} seconds.")
        return await self._engine.images.inspect(image.pullable)

    def _config(self, order: Order, found: dict[str, Any]) -> dict[str, Any]:
        named = (found.get("Config") or {}).get("User") or ""
        return container_config(
            order,
            image_id=found["Id"],
            user=container_user(named, uid=os.geteuid(), gid=os.getegid()),
            labels=container_labels(order, replica=self._replica, installation=self._installation),
            network=self._network if order.network and self._network else _NO_NETWORK,
            defaults=self._defaults,
        )

    async def _launch(self, order: Order, config: dict[str, Any], output: Output) -> Work | Exit:
        name = container_name(order.lease_token)
        try:
            with talking():
                container = await self._engine.containers.create(config, name=name)
            work = DockerWork(
                container, output, grace_seconds=order.grace_seconds, away_seconds=self._away_seconds
            )
            return await work.begin() or work
        except DockerError as error:
            return _refused(error, order)
        except BaseException:
            await self._discard(name)
            raise

    async def _discard(self, name: str) -> None:
        """Remove what may have been made, even if whoever ordered it waits no longer."""
        removal = asyncio.create_task(remove(self._engine.containers.container(name)))
        self._removals.add(removal)
        removal.add_done_callback(self._removals.discard)
        await asyncio.shield(removal)


def _open(folder: Path) -> None:
    """Let a user of the container in, and no other user of the host."""
    folder.chmod(0o700)
    (folder / "params.json").chmod(0o444)
    (folder / "out").chmod(0o777)


def _image_error(message: str) -> Exit:
    return Exit(how=Ending.IMAGE_ERROR, message=message)


def _refused(error: DockerError, order: Order) -> Exit:
    """The end for an answer to `create`; raises EngineError where it is not the job's fault."""
    if error.status == _NOT_FOUND:
        return _image_error(f"The image {order.image} was removed while it was about to be run.")
    if error.status != _BAD_REQUEST or str(order.folder) in error.message:
        raise EngineError(error.message)
    return Exit(how=Ending.NOT_STARTED, message=f"The container was refused: {error.message}")
