"""The connection to a cluster, and which of its failures mean that it is away.

Every call but a look is repeated, with jitter, while the cluster does not answer, and each is safe to repeat:
to make what is there already is a conflict, to remove what is gone is a 404. Changes to a Job name the
version that was looked at, so that of two schedulers at most one has its way.

Output does not go through lightkube's client: that takes it for text, and has a hundred connections at most.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeVar

import httpx
import yaml
from lightkube import ApiError, AsyncClient, KubeConfig, SingleConfig
from lightkube.config.client_adapter import user_auth, verify_cluster
from lightkube.core.exceptions import ConfigError
from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import Pod, Secret
from lightkube.types import PatchType
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_random_exponential
from tenacity.wait import wait_base

NOT_FOUND, CONFLICT = 404, 409
REFUSED_OBJECT = frozenset({400, 422})
"""The answers for an object that the cluster does not take."""

_FORBIDDEN = frozenset({401, 403})
_SECONDS = 15.0
"""For an answer to anything but a watch and a log."""
_PATIENCE_SECONDS = 10.0
"""For a cluster that is away: a stop has to come to its end in time."""
_WATCH_SECONDS = 60
_PAUSE = wait_random_exponential(multiplier=0.1, max=3)

# An answer that breaks off is no JSON; what stands between us and the cluster may leave out its type.
_GARBLED = (ValueError, KeyError)

T = TypeVar("T")


class ClusterError(Exception):
    """The cluster does not do what it must; nothing that the job asked for is the reason."""


class ClusterAway(ClusterError):
    """The cluster cannot be reached, is too busy, or stopped answering."""


class NoCluster(ClusterError):
    """We were not told the way to a cluster, or it is none."""


class Answered(ClusterError):
    """The cluster said no."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def forbidden(self) -> bool:
        return self.code in _FORBIDDEN


class Cluster:
    """A client of one namespace; made inside a running loop."""

    def __init__(
        self,
        config: SingleConfig,
        namespace: str | None = None,
        *,
        patience_seconds: float | None = None,
        pause: wait_base = _PAUSE,
    ) -> None:
        """`patience_seconds` is how long a call is repeated while the cluster is away."""
        if config.user is None:
            raise NoCluster("the context names no user")
        self._client = AsyncClient(
            config, namespace=namespace, timeout=httpx.Timeout(_SECONDS), trust_env=False
        )
        self.namespace = self._client.namespace
        self._patience_seconds = _PATIENCE_SECONDS if patience_seconds is None else patience_seconds
        self._pause = pause
        self._http = httpx.AsyncClient(
            base_url=config.cluster.server,
            verify=verify_cluster(config.cluster, config.user, config.abs_file, trust_env=False),
            auth=user_auth(config.user),
            timeout=httpx.Timeout(_SECONDS),
            limits=httpx.Limits(max_connections=None),
            trust_env=False,
        )

    async def make(self, made: Job) -> Job | None:
        """As it was made; none if there is one by its name."""
        return await self._none_if(CONFLICT, lambda: self._client.create(made))

    async def give(self, made: Secret) -> None:
        """Make a Secret, if there is none by its name."""
        await self._none_if(CONFLICT, lambda: self._client.create(made))

    async def job(self, name: str) -> Job | None:
        return await self._none_if(NOT_FOUND, lambda: self._client.get(Job, name))

    async def look(self, name: str) -> Job | None:
        """A Job, asked for once: whoever looks again and again needs no patience."""
        try:
            return await self._once(lambda: self._client.get(Job, name))
        except Answered as answer:
            if answer.code != NOT_FOUND:
                raise
            return None

    async def jobs(self, labels: Mapping[str, str]) -> list[Job]:
        async def read() -> list[Job]:
            return [job async for job in self._client.list(Job, labels=dict(labels), chunk_size=500)]

        return await self._call(read)

    async def pods(self, labels: Mapping[str, str]) -> list[Pod]:
        async def read() -> list[Pod]:
            return [pod async for pod in self._client.list(Pod, labels=dict(labels), chunk_size=500)]

        return await self._call(read)

    async def mark(
        self, seen: Job, *, labels: Mapping[str, str], annotations: Mapping[str, str | None]
    ) -> Job | None:
        """Change a Job as it was seen; none if somebody else has changed or removed it since."""
        name, version = _identity(seen)
        change = {
            "metadata": {
                "resourceVersion": version,
                "labels": dict(labels),
                "annotations": dict(annotations),
            }
        }
        return await self._none_if(
            (CONFLICT, NOT_FOUND),
            lambda: self._client.patch(Job, name, change, patch_type=PatchType.MERGE),
        )

    async def remove(self, seen: Job) -> bool:
        """Have a Job, as it was seen, go with all that is its; false if it has changed or is gone."""
        name, version = _identity(seen)
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Foreground",
            "preconditions": {"resourceVersion": version},
        }
        return await self._delete(f"/apis/batch/v1/namespaces/{self.namespace}/jobs/{name}", options)

    async def kill(self, pod: str) -> bool:
        """Remove a pod at once, whether its node answers or not; false if it is gone."""
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0}
        return await self._delete(f"/api/v1/namespaces/{self.namespace}/pods/{pod}", options)

    async def watch(self, labels: Mapping[str, str], version: str) -> AsyncGenerator[tuple[str, Pod]]:
        """Changes of pods since a version, until something is amiss: then list anew."""
        with talking(*_GARBLED):
            async for change in self._client.watch(
                Pod, labels=dict(labels), resource_version=version, server_timeout=_WATCH_SECONDS
            ):
                yield change

    async def listed(self, labels: Mapping[str, str]) -> tuple[list[Pod], str]:
        """All pods, and the version to watch from."""

        async def read() -> tuple[list[Pod], str]:
            listing = self._client.list(Pod, labels=dict(labels), chunk_size=500)
            found = [pod async for pod in listing]
            return found, listing.resourceVersion

        return await self._once(read)

    @asynccontextmanager
    async def printed(
        self, pod: str, container: str, *, follow: bool, since: str | None = None, stamped: bool = True
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """What a container has printed, each line after the instant at which it was; not repeated."""
        params = {"container": container, "follow": _said(follow), "timestamps": _said(stamped)}
        if since is not None:
            params["sinceTime"] = since
        reading = httpx.Timeout(_SECONDS, read=None if follow else _SECONDS)
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod}/log"
        with talking():
            async with self._http.stream("GET", path, params=params, timeout=reading) as answer:
                if answer.is_error:
                    await answer.aread()
                _check(answer)
                yield answer.aiter_bytes()

    async def close(self) -> None:
        await self._client.close()
        await self._http.aclose()

    async def _delete(self, path: str, options: Mapping[str, object]) -> bool:
        async def send() -> bool:
            _check(await self._http.request("DELETE", path, json=options))
            return True

        return bool(await self._none_if((NOT_FOUND, CONFLICT), send))

    async def _none_if(self, codes: int | tuple[int, ...], call: Callable[[], Awaitable[T]]) -> T | None:
        try:
            return await self._call(call)
        except Answered as answer:
            if answer.code not in (codes if isinstance(codes, tuple) else (codes,)):
                raise
            return None

    async def _call(self, call: Callable[[], Awaitable[T]]) -> T:
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(ClusterAway),
            wait=self._pause,
            stop=stop_after_delay(self._patience_seconds),
            reraise=True,
        )
        return await retrying(self._once, call)

    async def _once(self, call: Callable[[], Awaitable[T]]) -> T:
        with talking(*_GARBLED):
            return await call()


def opened(kubeconfig: str | None, namespace: str | None) -> Cluster:
    """The cluster that a file leads to, or the one whose pod we are in. Raises NoCluster."""
    try:
        found = KubeConfig.from_file(Path(kubeconfig)) if kubeconfig else KubeConfig.from_service_account()
        config = found.get()
        if config is None:
            raise NoCluster("no context is chosen")
        return Cluster(config, namespace)
    except (ConfigError, KeyError, TypeError, ValueError, OSError, yaml.YAMLError) as error:
        raise NoCluster(f"it leads to no cluster: {error}") from error


@contextmanager
def talking(*garbled: type[Exception]) -> Iterator[None]:
    """Raises ClusterAway for whatever the loss of the cluster looks like, and Answered for its no."""
    lost: tuple[type[Exception], ...] = (httpx.HTTPError, OSError, TimeoutError, *garbled)
    try:
        yield
    except ApiError as error:
        raise _judged(error.status.code or 0, error.status.message or "") from error
    except httpx.HTTPStatusError as error:
        raise _judged(error.response.status_code, error.response.reason_phrase) from error
    except lost as error:
        raise ClusterAway(repr(error)) from error


def _judged(code: int, message: str) -> ClusterError:
    if code == 429 or code >= 500 or code == 0:
        return ClusterAway(f"{code} {message}")
    return Answered(code, message)


def _check(answer: httpx.Response) -> None:
    if not answer.is_error:
        return
    try:
        message = answer.json()["message"]
    except (ValueError, KeyError, TypeError):
        message = answer.reason_phrase
    raise _judged(answer.status_code, message)


def _identity(seen: Job) -> tuple[str, str]:
    if seen.metadata is None or seen.metadata.name is None or seen.metadata.resourceVersion is None:
        raise ValueError("the Job was not read from a cluster")
    return seen.metadata.name, seen.metadata.resourceVersion


def _said(flag: bool) -> str:
    return "true" if flag else "false"
