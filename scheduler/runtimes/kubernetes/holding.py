"""Whose a Job is, and how it changes hands.

A Job is its holder's: the attempt whose lease token stands in its labels. Whoever changes or removes it looks
first, and names the version that it has seen, so that the cluster refuses what is no longer true. A scheduler
that was cut off and comes back finds another token there, and leaves the Job alone.

An attempt takes up what an earlier one has started if nobody can have seen how that ended: all attempts
since were lost with their replicas, or it was let go of. Everything else that an earlier attempt has left is
removed before its code is started again.
"""

from datetime import datetime
from uuid import UUID

from lightkube.resources.batch_v1 import Job
from msgspec import Struct

from scheduler.runtimes.kubernetes.cluster import Cluster
from scheduler.runtimes.kubernetes.objects import ANNOTATION_LEFT, LABEL_ATTEMPT, LABEL_JOB, LABEL_LEASE
from scheduler.runtimes.runtime import Order

_TRIES = 20


class Holder(Struct, frozen=True, kw_only=True):
    """What a Job says of whose it is."""

    job_id: UUID
    attempt: int
    lease_token: UUID
    left: bool = False

    def yields_to(self, order: Order) -> bool:
        """Whether the end of its code is the order's to see."""
        return self.left or self.attempt >= order.attempt - order.losses


def holder(job: Job) -> Holder | None:
    """None if this is no Job of ours."""
    if job.metadata is None:
        return None
    labels = job.metadata.labels or {}
    try:
        return Holder(
            job_id=UUID(labels[LABEL_JOB]),
            attempt=int(labels[LABEL_ATTEMPT]),
            lease_token=UUID(labels[LABEL_LEASE]),
            left=ANNOTATION_LEFT in (job.metadata.annotations or {}),
        )
    except (KeyError, ValueError):
        return None


def removed_at(job: Job) -> datetime | None:
    """Since when it is being removed."""
    return job.metadata.deletionTimestamp if job.metadata else None


class Held:
    """A Job that an attempt holds, as long as it does."""

    def __init__(self, cluster: Cluster, name: str, uid: str, lease_token: UUID) -> None:
        self._cluster = cluster
        self.name = name
        self.uid = uid
        self._lease_token = lease_token

    def is_ours(self, job: Job | None) -> bool:
        """Whether this is it, and still held by the same attempt."""
        if job is None or job.metadata is None or job.metadata.uid != self.uid:
            return False
        by = holder(job)
        return by is not None and by.lease_token == self._lease_token

    async def look(self) -> Job | None:
        """It, as it is now; none if it is gone. Not repeated."""
        found = await self._cluster.look(self.name)
        same = found is not None and found.metadata is not None and found.metadata.uid == self.uid
        return found if same else None

    async def remove(self) -> bool:
        """Have it removed; false if it is gone or somebody else's."""
        for _ in range(_TRIES):
            found = await self._cluster.job(self.name)
            if found is None or not self.is_ours(found):
                return False
            if removed_at(found) is not None or await self._cluster.remove(found):
                return True
        return False

    async def leave(self) -> bool:
        """Let go of it as it runs; false if it is gone or somebody else's."""
        for _ in range(_TRIES):
            found = await self._cluster.job(self.name)
            if found is None or not self.is_ours(found):
                return False
            if await self._cluster.mark(found, labels={}, annotations={ANNOTATION_LEFT: "true"}):
                return True
        return False
