"""What is known of all pods of an installation: one list and one watch, whoever waits for whichever of them.

The watch is what makes it quick, the list what makes it right: it is made anew when the watch breaks, when
the cluster has forgotten the version to go on from (410), and every minute anyhow, so that a connection that
died without a word costs no more than that.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import aclosing, contextmanager

from lightkube.resources.core_v1 import Pod

from core import log
from scheduler.runtimes.kubernetes.cluster import Cluster, ClusterError

LABEL_OWNER = "batch.kubernetes.io/controller-uid"
"""The id of the Job that a pod belongs to; the cluster puts it there."""

_LIST_SECONDS = 60.0
_AGAIN_SECONDS = 1.0

_log = log.get(__name__)


class Pods:
    """The newest state of each, by the id of its Job."""

    def __init__(self, cluster: Cluster, labels: Mapping[str, str]) -> None:
        self._cluster = cluster
        self._labels = labels
        self._known: dict[str, Pod] = {}
        self._last: dict[str, Pod] = {}
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._watching: asyncio.Task[None] | None = None

    def begin(self) -> None:
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())

    def of(self, job: str) -> Pod | None:
        return self._known.get(job)

    def last(self, job: str) -> Pod | None:
        """As it was in the end, of a Job that is followed."""
        return self._last.get(job)

    @contextmanager
    def followed(self, job: str) -> Iterator[asyncio.Event]:
        """Set whenever something has changed about the pod of a Job; whoever waits clears it."""
        changed = asyncio.Event()
        self._waiting[job].add(changed)
        try:
            yield changed
        finally:
            self._waiting[job].discard(changed)
            if not self._waiting[job]:
                del self._waiting[job]
                self._last.pop(job, None)

    async def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait({self._watching})

    async def _watch(self) -> None:
        while True:
            try:
                await self._look()
            except ClusterError as error:
                _log.info("watch_broke_off", error=str(error))
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _look(self) -> None:
        found, version = await self._cluster.listed(self._labels)
        listed = {owner(pod): pod for pod in found}
        for job in self._known.keys() - listed.keys():
            self._forget(job)
        for pod in found:
            self.learn(pod)
        try:
            async with (
                asyncio.timeout(_LIST_SECONDS),
                aclosing(self._cluster.watch(self._labels, version)) as changes,
            ):
                async for kind, pod in changes:
                    self._take(kind, pod)
        except TimeoutError:
            return

    def _take(self, kind: str, pod: Pod) -> None:
        if kind == "DELETED":
            self.learn(pod)
            self._forget(owner(pod))
        elif kind in {"ADDED", "MODIFIED"}:
            self.learn(pod)

    def learn(self, pod: Pod) -> None:
        """This is how it is now."""
        job = owner(pod)
        self._known[job] = pod
        if job in self._waiting:
            self._last[job] = pod
        self._tell(job)

    def _forget(self, job: str) -> None:
        self._known.pop(job, None)
        self._tell(job)

    def _tell(self, job: str) -> None:
        for changed in self._waiting.get(job, ()):
            changed.set()


def owner(pod: Pod) -> str:
    labels: dict[str, str] = (pod.metadata.labels if pod.metadata else None) or {}
    return labels.get(LABEL_OWNER, "")
