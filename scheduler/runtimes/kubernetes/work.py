"""A Job that runs: what it prints, its end, its result, and nothing left of it.

One task follows it, whoever waits or stops waiting. That the cluster is away for a while ends nothing: the
pod goes on meanwhile, and is bounded by its own deadline. Where a stop cannot be told to the cluster, the end
says that nobody knows whether the code went on.
"""

import asyncio
import contextlib
from pathlib import Path

from lightkube.resources.core_v1 import Pod

from core import log
from scheduler.runtimes.kubernetes import ends
from scheduler.runtimes.kubernetes.cluster import Cluster, ClusterAway, ClusterError
from scheduler.runtimes.kubernetes.holding import Held
from scheduler.runtimes.kubernetes.pods import LABEL_OWNER, Pods
from scheduler.runtimes.kubernetes.printed import Follower, collect
from scheduler.runtimes.runtime import Ending, Exit, Order, Output

_log = log.get(__name__)

_LOOK_SECONDS = 10.0
"""Between two looks at a Job that has no pod."""
_DRAIN_SECONDS = 5.0
"""For the last of the output, once its container has ended."""
_COLLECTOR_SECONDS = 15.0
"""For the collector, which is told to end when the job's container has."""
_INSIST_SECONDS = 5.0
_POLL_SECONDS = 0.5

_UNREACHABLE = Exit(how=Ending.NODE_LOST, message="The cluster could not be told to end it.")


class KubernetesWork:
    """An attempt whose Job is there. Made inside a running loop."""

    def __init__(self, cluster: Cluster, pods: Pods, held: Held, order: Order, output: Output) -> None:
        self._cluster = cluster
        self._pods = pods
        self._held = held
        self._grace_seconds = order.grace_seconds
        self._folder = order.folder
        self._follower = Follower(cluster, output)
        self._stopped = False
        self._pod: Pod | None = None
        self._changed = asyncio.Event()
        self._end = asyncio.create_task(self._follow())

    async def wait(self) -> Exit:
        return await asyncio.shield(self._end)

    async def stop(self, *, timed_out: bool = False) -> None:
        self._stopped = True
        self._changed.set()
        await asyncio.wait({self._end})

    async def leave(self) -> None:
        self._end.cancel()
        await asyncio.wait({self._end})
        try:
            left = await self._held.leave()
        except ClusterError as error:
            # If its attempt ends as lost, the next one takes it up all the same.
            _log.warning("job_not_left", job=self._held.name, error=str(error))
        else:
            _log.info("job_left", job=self._held.name, left=left)

    async def _follow(self) -> Exit:
        try:
            with self._pods.followed(self._held.uid) as self._changed:
                end = await self._until_ended()
                if ends.by_itself(end):
                    await self._collected()
                if not self._stopped:
                    await self._removed()
                await self._follower.finish(_DRAIN_SECONDS)
                return self._told(end)
        finally:
            await self._follower.stop()

    async def _until_ended(self) -> Exit:
        while not self._stopped:
            pod = self._look()
            end = ends.ended(pod) if pod is not None else await self._of_job()
            if end is not None:
                return end
            await self._change(_LOOK_SECONDS)
        return Exit(how=Ending.STOPPED) if await self._removed() else _UNREACHABLE

    def _look(self) -> Pod | None:
        """The pod as it is known; the last that was known of it is kept."""
        pod = self._pods.of(self._held.uid)
        if pod is not None:
            self._pod = pod
            if ends.has_begun(pod):
                self._follower.begin(_name(pod))
        return pod

    async def _of_job(self) -> Exit | None:
        """The end of a Job that has no pod, as far as we know."""
        try:
            end = ends.of_job(await self._held.look())
            if end is None:
                return None
            found = await self._cluster.pods({LABEL_OWNER: self._held.uid})
        except ClusterAway as error:
            _log.info("job_not_seen", job=self._held.name, error=str(error))
            return None
        if not found:
            return end
        # The watch has not come to it yet.
        self._pods.learn(found[0])
        return None

    async def _collected(self) -> None:
        """Its result, put where every runtime's lies; once its pod is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_COLLECTOR_SECONDS):
                while (pod := self._look()) is not None and not ends.is_over(pod) and not self._stopped:
                    await self._change(_LOOK_SECONDS)
        if self._pod is None:
            return
        # Also the end of the output is read while the pod is there.
        await self._follower.finish(_DRAIN_SECONDS)
        try:
            result = await collect(self._cluster, _name(self._pod))
        except ClusterError as error:
            _log.warning("result_not_collected", job=self._held.name, error=str(error))
            return
        if result is not None:
            await asyncio.to_thread(_write, self._folder / "out" / "result.json", result)

    async def _removed(self) -> bool:
        """Have it removed, and wait until it is gone; by force in the end. False if it could not be told."""
        try:
            if await self._held.remove() and not await self._gone(self._grace_seconds + _INSIST_SECONDS):
                await self._killed()
        except ClusterError as error:
            _log.warning("job_kept", job=self._held.name, error=str(error))
            return False
        return True

    async def _killed(self) -> None:
        """Its node does not say that it has ended."""
        _log.warning("pod_killed", job=self._held.name)
        if self._pod is not None:
            await self._cluster.kill(_name(self._pod))
        if not await self._gone(_INSIST_SECONDS):
            _log.warning("job_kept", job=self._held.name, error="it is still being removed")

    async def _gone(self, within: float) -> bool:
        """Whether it is gone within so many seconds. A Job goes last, after its pod."""
        loop = asyncio.get_running_loop()
        until = loop.time() + within
        while loop.time() < until:
            self._look()
            with contextlib.suppress(ClusterAway):
                if await self._held.look() is None:
                    return True
            await self._change(_POLL_SECONDS)
        return False

    async def _change(self, within: float) -> None:
        """Until something has changed, or is to be looked at anyhow."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._changed.wait()
        self._changed.clear()

    def _told(self, end: Exit) -> Exit:
        """A stop comes with the code that its container had in the end, or why it had not begun."""
        if end.how is not Ending.STOPPED:
            return end
        pod = self._pods.last(self._held.uid) or self._pod
        code = ends.exit_code(pod) if pod is not None else None
        return Exit(how=Ending.STOPPED, code=code, message=ends.why_waiting(pod))


def _name(pod: Pod) -> str:
    if pod.metadata is None or pod.metadata.name is None:
        raise ValueError("the pod was not read from a cluster")
    return pod.metadata.name


def _write(place: Path, result: bytes) -> None:
    place.write_bytes(result)
