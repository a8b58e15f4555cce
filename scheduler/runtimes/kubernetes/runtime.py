"""Orders carried out as Jobs of a cluster: an image judged, a Job made or taken up, or swept.

A Job bears the name of its job, so the cluster itself holds that there are no two. An attempt that finds one
there takes it up or removes it first (`holding` says which); so code that outlived its scheduler is waited
for and not run again. An adopted pod keeps the attempt number it was started with.

A sweep removes Jobs whose job is over. One whose job waits for its next attempt is left to that. Nothing here
asks how old anything is.

Raises ClusterError from `start` where the cluster refuses what the scheduler must be allowed, and from
`sweep` where it cannot be reached.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from uuid import UUID

from lightkube.resources.batch_v1 import Job

from core import log
from core.egress.images import Image, ImagePolicy, parse_image
from core.jobs.targets import Limits
from scheduler.runtimes.kubernetes import ends, objects
from scheduler.runtimes.kubernetes.cluster import REFUSED_OBJECT, Answered, Cluster, ClusterAway, ClusterError
from scheduler.runtimes.kubernetes.holding import Held, Holder, holder, removed_at
from scheduler.runtimes.kubernetes.objects import DEFAULT_LIMITS, LABEL_INSTALLATION, Mark
from scheduler.runtimes.kubernetes.pods import LABEL_OWNER, Pods
from scheduler.runtimes.kubernetes.work import KubernetesWork
from scheduler.runtimes.runtime import Ending, Exit, Order, Output, Work

Over = Callable[[Collection[UUID]], Awaitable[Collection[UUID]]]
"""Which of these jobs are over, or not there at all."""

_AGAIN_SECONDS = 0.5
_TRIES_TO_FORCE = 50
"""No grace is as long."""

_log = log.get(__name__)


class KubernetesRuntime:
    """Made inside a running loop; connects when it is first used."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        images: ImagePolicy,
        mark: Mark,
        over: Over,
        defaults: Limits = DEFAULT_LIMITS,
    ) -> None:
        self._cluster = cluster
        self._images = images
        self._mark = mark
        self._over = over
        self._defaults = defaults
        self._labels = {LABEL_INSTALLATION: mark.installation}
        self._pods = Pods(cluster, self._labels)
        self._removals: set[asyncio.Task[bool]] = set()

    async def check(self) -> None:
        """Ask the cluster for something; raises ClusterError."""
        await self._cluster.jobs(self._labels)

    async def start(self, order: Order, output: Output) -> Work | Exit:
        image = parse_image(order.image or "")
        fault = self._images.refuse(image) if isinstance(image, Image) else image
        if fault is not None or not isinstance(image, Image):
            return Exit(how=Ending.IMAGE_ERROR, message=fault.message if fault else "")
        if objects.too_large(order):
            message = "Its environment and params are together larger than the 1 MiB that a Secret holds."
            return Exit(how=Ending.NOT_STARTED, message=message)
        self._pods.begin()
        held = await self._obtained(order, image)
        if isinstance(held, Exit):
            return held
        return KubernetesWork(self._cluster, self._pods, held, order, output)

    async def sweep(self, held: Collection[UUID]) -> int:
        kept = frozenset(held)
        left = [(job, by) for job, by in await self._ours() if by.lease_token not in kept]
        if not left:
            return 0
        over = frozenset(await self._over({by.job_id for _, by in left}))
        swept = 0
        for job, by in left:
            if by.job_id in over and await self._cluster.remove(job):
                _log.info("job_swept", job_id=str(by.job_id), lease=str(by.lease_token))
                swept += 1
        return swept

    async def close(self) -> None:
        await asyncio.gather(*self._removals, return_exceptions=True)
        await self._pods.close()
        await self._cluster.close()

    async def _ours(self) -> list[tuple[Job, Holder]]:
        """What is there and is not being removed."""
        found = await self._cluster.jobs(self._labels)
        held = [(job, holder(job)) for job in found if removed_at(job) is None]
        return [(job, by) for job, by in held if by is not None]

    async def _obtained(self, order: Order, image: Image) -> Held | Exit:
        try:
            return await self._held(order, image)
        except ClusterAway as error:
            _log.warning("cluster_away", job_id=str(order.job_id), error=str(error))
            await self._discard(order)
            return Exit(how=Ending.NODE_LOST, message="The cluster that was to run it could not be reached.")
        except BaseException:
            await self._discard(order)
            raise

    async def _held(self, order: Order, image: Image) -> Held | Exit:
        made = objects.job(order, image=image.pullable, mark=self._mark, defaults=self._defaults)
        name = objects.job_name(order)
        tried = 0
        while True:
            tried += 1
            try:
                own = await self._cluster.make(made)
            except Answered as answer:
                if answer.code not in REFUSED_OBJECT:
                    raise
                return Exit(how=Ending.NOT_STARTED, message=f"The Job was refused: {answer.message}")
            found = await self._cluster.job(name) if own is None else None
            taken = own if found is None else await self._taken(found, order)
            if found is not None and taken is None and tried % _TRIES_TO_FORCE == 0:
                await self._force(found)
            if isinstance(taken, Exit):
                return taken
            if taken is not None and taken.metadata is not None:
                await self._cluster.give(objects.secret(order, taken))
                return Held(self._cluster, name, _uid(taken), order.lease_token)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _force(self, found: Job) -> None:
        """Its node does not end what is long being removed, and nobody is there who would insist."""
        for pod in await self._cluster.pods({LABEL_OWNER: _uid(found)}):
            _log.warning("pod_killed", job=found.metadata.name if found.metadata else "")
            if pod.metadata is not None and pod.metadata.name is not None:
                await self._cluster.kill(pod.metadata.name)

    async def _taken(self, found: Job, order: Order) -> Job | Exit | None:
        """A Job that is there already, once it is ours; none if it was to be removed, or has changed."""
        by = holder(found)
        if by is None or by.job_id != order.job_id:
            raise ClusterError(f"{objects.job_name(order)} is the name of something that is not ours")
        if removed_at(found) is not None:
            return None
        if by.lease_token == order.lease_token:
            return found
        if by.attempt >= order.attempt:
            return Exit(how=Ending.NODE_LOST, message="A later attempt holds its Job.")
        if by.yields_to(order) and await self._is_worth_it(found):
            _log.info("job_taken_up", job_id=str(order.job_id), attempt=order.attempt, since=by.attempt)
            return await self._cluster.mark(
                found,
                labels=objects.held_by(order, self._mark.replica),
                annotations={objects.ANNOTATION_LEFT: None},
            )
        await self._cluster.remove(found)
        return None

    async def _is_worth_it(self, found: Job) -> bool:
        """Whether it still runs, or has come to an end of its own."""
        pods = await self._cluster.pods({LABEL_OWNER: _uid(found)})
        end = ends.ended(pods[0]) if pods else ends.of_job(found)
        return end is None or ends.by_itself(end)

    async def _discard(self, order: Order) -> None:
        """Remove what may have been made, even if whoever ordered it waits no longer."""
        removal = asyncio.create_task(self._removed(order))
        self._removals.add(removal)
        removal.add_done_callback(self._removals.discard)
        await asyncio.shield(removal)

    async def _removed(self, order: Order) -> bool:
        name = objects.job_name(order)
        try:
            found = await self._cluster.job(name)
            return (
                found is not None and await Held(self._cluster, name, _uid(found), order.lease_token).remove()
            )
        except ClusterError as error:
            _log.warning("job_kept", job=name, error=str(error))
            return False


def _uid(job: Job) -> str:
    return (job.metadata.uid if job.metadata else None) or ""
