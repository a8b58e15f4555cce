"""A cluster of paper, behind respx: the endpoints that the runtime uses, as an API server answers them.

Objects have versions, and a change that names another one is a conflict. Watches go on from a version and are
told 410 once it is forgotten. A Job gets a pod; one that is removed in the foreground goes after its pod, and
its Secrets with it. A node there is none: what a pod does is done by the test, through `FakePod`.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import respx

URL = "https://cluster.test:6443"
NAMESPACE = "jobs"

_KINDS = {"jobs": "Job", "pods": "Pod", "secrets": "Secret"}


class FakeCluster:
    """Made inside a running loop; `handle` answers one request."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in _KINDS}
        self.pods: dict[str, FakePod] = {}
        self.requests: list[str] = []
        self.away = False
        self.broken: set[str] = set()
        """`verb resource` that are answered with 403."""
        self.stuck: set[str] = set()
        """`verb resource` that are never answered."""
        self.refusal: tuple[int, str] | None = None
        """What is said to a Job that is to be made."""
        self.makes_pods = True
        self.watches = 0
        self.moved = asyncio.Condition()
        self._version = 100
        self._forgotten = 0
        self._events: list[tuple[int, str, dict[str, Any]]] = []

    async def handle(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.split("/")
        # …/namespaces/<namespace>/<kind>[/<name>[/log]]
        at = path.index("namespaces")
        kind, name = path[at + 2], (path[at + 3 : at + 4] or [""])[0]
        self.requests.append(f"{request.method} {kind}")
        if self.away:
            raise httpx.ConnectError("nobody listens", request=request)
        if request.headers["Authorization"] != "Bearer token" or path[at + 1] != NAMESPACE:
            return _status(401, "Unauthorized")
        if f"{request.method} {kind}" in self.broken:
            return _status(403, f"{kind} is forbidden: User cannot do this")
        if f"{request.method} {kind}" in self.stuck:
            await asyncio.Event().wait()
        if path[-1] == "log":
            return self._log(name, dict(request.url.params))
        return await self._object(kind, name, request)

    async def _object(self, kind: str, name: str, request: httpx.Request) -> httpx.Response:
        given = json.loads(request.content) if request.content else {}
        if request.method == "POST":
            return await self._create(kind, given)
        if not name:
            return self._many(kind, dict(request.url.params))
        found = self.objects[kind].get(name)
        if found is None:
            return _status(404, f"{kind} {name!r} not found")
        if request.method == "GET":
            return httpx.Response(200, json=found)
        wanted = (given.get("preconditions") or given.get("metadata") or {}).get("resourceVersion")
        if wanted not in (None, found["metadata"]["resourceVersion"]):
            return _status(409, "the object has been modified")
        if request.method == "PATCH":
            await self._patch(kind, found, given["metadata"])
        else:
            await self._delete(kind, found, given)
        return httpx.Response(200, json=found)

    async def _create(self, kind: str, made: dict[str, Any]) -> httpx.Response:
        name = made["metadata"]["name"]
        if name in self.objects[kind]:
            return _status(409, f"{kind} {name!r} already exists")
        if kind == "jobs" and self.refusal is not None:
            return _status(*self.refusal)
        made["metadata"] |= {"uid": str(uuid4()), "namespace": NAMESPACE}
        await self.put(kind, made)
        if kind == "jobs" and self.makes_pods:
            await self.make_pod(made)
        return httpx.Response(201, json=made)

    async def _patch(self, kind: str, found: dict[str, Any], change: dict[str, Any]) -> None:
        for part in ("labels", "annotations"):
            values = found["metadata"].setdefault(part, {})
            for key, value in (change.get(part) or {}).items():
                values.pop(key, None)
                if value is not None:
                    values[key] = value
        await self.put(kind, found)

    async def _delete(self, kind: str, found: dict[str, Any], options: dict[str, Any]) -> None:
        name = found["metadata"]["name"]
        if kind == "pods":
            await self.pods[name].gone()
            return
        assert options["propagationPolicy"] == "Foreground"
        found["metadata"].setdefault("deletionTimestamp", _now())
        await self.put(kind, found)
        pods = [pod for pod in self.pods.values() if pod.owner == found["metadata"]["uid"]]
        for pod in pods:
            await pod.terminate()
        if not pods:
            await self.drop_job(found["metadata"]["uid"])

    async def make_pod(self, job: dict[str, Any]) -> "FakePod":
        pod = FakePod(self, job)
        self.pods[pod.name] = pod
        await self.put("pods", pod.object)
        return pod

    async def put(self, kind: str, changed: dict[str, Any]) -> None:
        self._version += 1
        name = changed["metadata"]["name"]
        known = name in self.objects[kind]
        changed["metadata"]["resourceVersion"] = str(self._version)
        self.objects[kind][name] = changed
        await self._tell(kind, "MODIFIED" if known else "ADDED", changed)

    async def drop(self, kind: str, name: str) -> None:
        self._version += 1
        dropped = self.objects[kind].pop(name)
        dropped["metadata"]["resourceVersion"] = str(self._version)
        await self._tell(kind, "DELETED", dropped)

    async def drop_job(self, uid: str) -> None:
        """After its last pod, with all that belongs to it."""
        for kind in ("secrets", "jobs"):
            for name, each in list(self.objects[kind].items()):
                owners = [owner["uid"] for owner in each["metadata"].get("ownerReferences", [])]
                if uid in (each["metadata"]["uid"], *owners):
                    await self.drop(kind, name)

    async def conclude(self, uid: str, kind: str, reason: str) -> None:
        """A Job has come to its one end."""
        for each in self.objects["jobs"].values():
            if each["metadata"]["uid"] == uid and "status" not in each:
                each["status"] = {"conditions": [{"type": kind, "status": "True", "reason": reason}]}
                await self.put("jobs", each)

    def forget(self) -> None:
        """Compact: nobody goes on from a version that is not the newest."""
        self._forgotten = self._version

    async def _tell(self, kind: str, what: str, changed: dict[str, Any]) -> None:
        if kind == "pods":
            self._events.append((self._version, what, json.loads(json.dumps(changed))))
        async with self.moved:
            self.moved.notify_all()

    def _many(self, kind: str, params: dict[str, str]) -> httpx.Response:
        wanted = dict(part.split("=", 1) for part in params.get("labelSelector", "").split(",") if part)
        if params.get("watch") == "true":
            return httpx.Response(200, content=self._watch(int(params["resourceVersion"]), wanted))
        items = [each for each in self.objects[kind].values() if _matches(each, wanted)]
        listing = {"metadata": {"resourceVersion": str(self._version)}, "items": items}
        return httpx.Response(200, json=listing)

    async def _watch(self, version: int, wanted: dict[str, str]) -> AsyncIterator[bytes]:
        self.watches += 1
        while not self.away:
            if version < self._forgotten:
                gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
                yield _line({"type": "ERROR", "object": gone})
                return
            for at, what, changed in list(self._events):
                if at > version and _matches(changed, wanted):
                    yield _line({"type": what, "object": changed})
            version = max([version, *(at for at, _, _ in self._events)])
            async with self.moved:
                await self.moved.wait()
        raise httpx.ReadError("the connection broke off")

    def _log(self, name: str, params: dict[str, str]) -> httpx.Response:
        pod = self.pods.get(name)
        if pod is None or name not in self.objects["pods"]:
            return _status(404, f"pods {name!r} not found")
        return httpx.Response(200, content=pod.read(params))


@asynccontextmanager
async def answering() -> AsyncIterator[FakeCluster]:
    """While it lasts, a cluster answers at `URL`."""
    made = FakeCluster()
    async with respx.mock(base_url=URL, assert_all_called=False) as router:
        router.route().mock(side_effect=made.handle)
        yield made


class FakePod:
    """A pod, moved by hand."""

    def __init__(self, cluster: FakeCluster, job: dict[str, Any]) -> None:
        self._cluster = cluster
        self.owner = job["metadata"]["uid"]
        self.name = f"{job['metadata']['name']}-abcde"
        self.result: bytes | None = None
        self.obeys = True
        """Whether it ends at TERM."""
        self.reads = 0
        self.hangs = False
        """Whether who follows its output is told nothing more, not even its end."""
        self._lines: list[tuple[datetime, bytes]] = []
        self._ended = False
        self._broken = asyncio.Event()
        template = job["spec"]["template"]
        labels = template["metadata"]["labels"] | {"batch.kubernetes.io/controller-uid": self.owner}
        self.object: dict[str, Any] = {
            "metadata": {"name": self.name, "labels": labels, "uid": str(uuid4())},
            "spec": template["spec"],
            "status": {"phase": "Pending"},
        }

    @property
    def spec(self) -> dict[str, Any]:
        spec: dict[str, Any] = self.object["spec"]
        return spec

    def says(self, text: bytes, *, at: datetime | None = None) -> None:
        """Print, each line by itself."""
        for line in text.splitlines(keepends=True):
            self._lines.append((at or datetime.now(UTC), line))

    async def print(self, text: bytes) -> None:
        self.says(text)
        await self._moved()

    async def start(self) -> None:
        await self.state({"running": {"startedAt": _now()}}, phase="Running")

    async def exit(self, code: int, reason: str | None = None, *, phase: str | None = None) -> None:
        self._ended = True
        terminated = {"exitCode": code, "reason": reason or ("Completed" if code == 0 else "Error")}
        ended = phase or ("Succeeded" if code == 0 else "Failed")
        await self.state({"terminated": terminated}, phase=ended)
        if ended == "Succeeded":
            await self._cluster.conclude(self.owner, "Complete", "CompletionsReached")
        elif ended == "Failed":
            await self._cluster.conclude(self.owner, "Failed", "BackoffLimitExceeded")

    async def waits(self, reason: str, message: str = "", *, container: str = "job") -> None:
        kind = "containerStatuses" if container == "job" else "initContainerStatuses"
        waiting = {"waiting": {"reason": reason, "message": message}}
        self.object["status"][kind] = [_container(container, waiting)]
        await self._cluster.put("pods", self.object)

    async def fail(self, reason: str, message: str = "") -> None:
        """As a whole."""
        self.object["status"] |= {"phase": "Failed", "reason": reason, "message": message}
        await self._cluster.put("pods", self.object)

    async def condition(self, kind: str, status: str = "True", reason: str = "", message: str = "") -> None:
        said = {"type": kind, "status": status, "reason": reason, "message": message}
        self.object["status"].setdefault("conditions", []).append(said)
        await self._cluster.put("pods", self.object)

    async def state(self, state: dict[str, Any], *, phase: str) -> None:
        self.object["status"] |= {"phase": phase, "containerStatuses": [_container("job", state)]}
        await self._cluster.put("pods", self.object)

    async def terminate(self) -> None:
        """TERM, and the end if it obeys or has ended."""
        self.object["metadata"]["deletionTimestamp"] = _now()
        await self._cluster.put("pods", self.object)
        if not self._ended and self.obeys:
            await self.exit(143)
        if self._ended or not self._has_begun():
            await self.gone()

    async def gone(self) -> None:
        self._ended = True
        await self._cluster.drop("pods", self.name)
        jobs = [each["metadata"] for each in self._cluster.objects["jobs"].values()]
        if any(job["uid"] == self.owner and "deletionTimestamp" in job for job in jobs):
            await self._cluster.drop_job(self.owner)

    def break_reading(self) -> None:
        """Every open reading of its output breaks off."""
        self._broken.set()
        self._broken = asyncio.Event()

    async def read(self, params: dict[str, str]) -> AsyncIterator[bytes]:
        if params["container"] == "collector":
            if self.result is not None:
                yield self.result
            return
        self.reads += 1
        stamped, follow = params["timestamps"] == "true", params["follow"] == "true"
        since = datetime.fromisoformat(params["sinceTime"]) if "sinceTime" in params else None
        broken, given = self._broken, 0
        while True:
            if self.hangs and follow:
                await asyncio.Event().wait()
            for at, line in self._lines[given:]:
                given += 1
                if since is None or at >= since:
                    yield (_stamp(at) + b" " if stamped else b"") + line
            if broken.is_set():
                raise httpx.ReadError("the connection broke off")
            if self._ended or not follow:
                return
            async with self._cluster.moved:
                await self._cluster.moved.wait()

    def _has_begun(self) -> bool:
        return bool(self.object["status"].get("containerStatuses"))

    async def _moved(self) -> None:
        async with self._cluster.moved:
            self._cluster.moved.notify_all()


def _container(name: str, state: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name, "state": state, "image": "registry.test/tool:1", "imageID": "", "ready": False,
        "restartCount": 0,
    }  # fmt: skip


def _matches(each: dict[str, Any], wanted: dict[str, str]) -> bool:
    labels = each["metadata"].get("labels") or {}
    return all(labels.get(key) == value for key, value in wanted.items())


def _status(code: int, message: str) -> httpx.Response:
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message}
    return httpx.Response(code, json=body)


def _line(event: dict[str, Any]) -> bytes:
    return json.dumps(event).encode() + b"\n"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _stamp(at: datetime) -> bytes:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f000Z").encode()


def seconds(count: float) -> datetime:
    """An instant that many seconds after a full one."""
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=count)
