"""The part of a kubelet and of the scheduler of pods, played: statuses and logs, and no container.

A pod is bound to the one node there is. What it does is said by its command, as this node understands it:

    exit <code>           runs for a moment
    oom | pull | start    is killed for its memory, has no image, has no such program
    hold                  runs until the test says how it ends; TERM ends it
    deaf                  runs on after TERM, until its grace is over
    silent                runs on after TERM, and its node never says that it ended
    wait                  is bound to no node

It prints `hello` and its environment's names, and leaves its params as its result.
"""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Self

import httpx
import trustme
from aiohttp import web

from scheduler.runtimes.kubernetes.objects import BEGIN, END
from tests.e2e.fleet import free_port
from tests.kubernetes.plane import NAMESPACE, Plane

_EVERY_SECONDS = 0.1
_NAME = "paper"
_PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"


class Node:
    """Leave it before the plane."""

    def __init__(self, plane: Plane) -> None:
        self._admin = httpx.AsyncClient(
            base_url=plane.url, verify=ssl.create_default_context(cafile=str(plane.authority)),
            headers={"Authorization": "Bearer admin-token"}, trust_env=False, timeout=10,
        )  # fmt: skip
        self._port = free_port()
        self._over = asyncio.Event()
        self._lines: dict[str, list[tuple[str, bytes]]] = {}
        self._ends: dict[str, dict[str, Any]] = {}
        self._results: dict[str, bytes] = {}
        self._terminated: dict[str, float] = {}
        self.environments: dict[str, dict[str, str]] = {}
        """Of each pod, as its node put it together."""
        self.seen: list[str] = []
        """Names of all pods there ever were."""
        self.held: dict[str, tuple[int, str]] = {}
        """How the test ends a pod, by the id of its job: code and reason."""

    async def __aenter__(self) -> Self:
        await self._register()
        self._runner = web.AppRunner(self._logs())
        await self._runner.setup()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
        await web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=context).start()
        self._playing = asyncio.create_task(self._play())
        return self

    async def __aexit__(self, *_raised: object) -> None:
        self._over.set()
        await self._playing
        await self._runner.cleanup()
        await self._admin.aclose()
        # What was closed under TLS is gone a moment later.
        await asyncio.sleep(_EVERY_SECONDS)

    def end(self, job: object, code: int = 0, reason: str = "") -> None:
        self.held[str(job)] = (code, reason or ("Completed" if code == 0 else "Error"))

    async def all(self, kind: str, group: str = "api/v1") -> list[dict[str, Any]]:
        """As the cluster has them."""
        answer = await self._admin.get(f"/{group}/namespaces/{NAMESPACE}/{kind}")
        items: list[dict[str, Any]] = answer.raise_for_status().json()["items"]
        return items

    async def evict(self, pod: str) -> None:
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
        (await self._admin.post(f"{_PODS}/{pod}/eviction", json=body)).raise_for_status()

    async def pod(self, job: object) -> dict[str, Any] | None:
        found = [each for each in await self.all("pods") if _job(each) == str(job)]
        return found[0] if found else None

    async def _register(self) -> None:
        await self._admin.post("/api/v1/nodes", json={"metadata": {"name": _NAME}})
        status = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self._port}},
        }
        await self._patch(f"/api/v1/nodes/{_NAME}/status", {"status": status})

    async def _play(self) -> None:
        while not self._over.is_set():
            try:
                for pod in await self.all("pods"):
                    await self._turn(pod)
            except httpx.HTTPError:
                # The API server is away, as it may be.
                await asyncio.sleep(_EVERY_SECONDS)
            await asyncio.sleep(_EVERY_SECONDS)

    async def _turn(self, pod: dict[str, Any]) -> None:
        name, does = pod["metadata"]["name"], pod["spec"]["containers"][0]["command"]
        if name not in self.seen:
            self.seen.append(name)
        if does[0] == "wait":
            await self._unschedulable(pod)
        elif "nodeName" not in pod["spec"]:
            await self._bind(name)
        elif "deletionTimestamp" in pod["metadata"]:
            await self._terminate(pod, does[0])
        elif name not in self._ends:
            await self._go_on(pod, does)

    async def _go_on(self, pod: dict[str, Any], does: list[str]) -> None:
        name = pod["metadata"]["name"]
        if does[0] == "pull":
            await self._state(
                name, {"waiting": {"reason": "ErrImagePull", "message": "no such host"}}, "Pending"
            )
            return
        if name not in self._lines:
            await self._start(pod)
            return
        if does[0] == "exit":
            await self._ended(name, int(does[1]), "Completed" if does[1] == "0" else "Error")
        elif does[0] == "oom":
            await self._ended(name, 137, "OOMKilled")
        elif does[0] == "start":
            await self._ended(name, 128, "StartError")
        elif _job(pod) in self.held:
            await self._ended(name, *self.held[_job(pod)])

    async def _start(self, pod: dict[str, Any]) -> None:
        """Once its Secret is there, as a kubelet would."""
        name = pod["metadata"]["name"]
        [container] = pod["spec"]["containers"]
        secret = next(v["secret"]["secretName"] for v in pod["spec"]["volumes"] if "secret" in v)
        answer = await self._admin.get(f"/api/v1/namespaces/{NAMESPACE}/secrets/{secret}")
        if answer.status_code == 404:
            return
        values = {key: base64.b64decode(value) for key, value in answer.json()["data"].items()}
        self.environments[name] = {
            each["name"]: values[each["valueFrom"]["secretKeyRef"]["key"]].decode()
            for each in container["env"]
        }
        self._results[name] = values["params.json"]
        self._lines[name] = []
        self.prints(name, b"hello\n")
        await self._state(name, {"running": {"startedAt": _now()}}, "Running")

    def prints(self, name: str, line: bytes) -> None:
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
        self._lines[name].append((stamp, line))

    async def _ended(self, name: str, code: int, reason: str) -> None:
        terminated = {"exitCode": code, "reason": reason}
        self._ends[name] = terminated
        await self._state(name, {"terminated": terminated}, "Failed" if code else "Succeeded")

    async def _terminate(self, pod: dict[str, Any], does: str) -> None:
        name, loop = pod["metadata"]["name"], asyncio.get_running_loop()
        since = self._terminated.setdefault(name, loop.time())
        grace = 0.0 if does != "deaf" else float(pod["metadata"]["deletionGracePeriodSeconds"])
        if does == "silent" or loop.time() - since < grace:
            return
        if name in self._lines and name not in self._ends:
            await self._ended(name, 137 if does == "deaf" else 143, "Error")
        options = {"gracePeriodSeconds": 0}
        await self._admin.request("DELETE", f"{_PODS}/{name}", json=options)

    async def _bind(self, name: str) -> None:
        target = {"apiVersion": "v1", "kind": "Node", "name": _NAME}
        body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}, "target": target}
        await self._admin.post(f"{_PODS}/{name}/binding", json=body)

    async def _unschedulable(self, pod: dict[str, Any]) -> None:
        if "conditions" in pod["status"]:
            return
        said = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                "message": "0/1 nodes are available: 1 Insufficient memory."}  # fmt: skip
        await self._patch(f"{_PODS}/{pod['metadata']['name']}/status", {"status": {"conditions": [said]}})

    async def _state(self, name: str, state: dict[str, Any], phase: str) -> None:
        collector = {"terminated": {"exitCode": 0}} if "terminated" in state else {"running": {}}
        status = {
            "phase": phase,
            "containerStatuses": [_container("job", state)],
            "initContainerStatuses": [_container("collector", collector)],
        }
        await self._patch(f"{_PODS}/{name}/status", {"status": status})

    async def _patch(self, path: str, change: dict[str, Any]) -> None:
        headers = {"Content-Type": "application/strategic-merge-patch+json"}
        answer = await self._admin.patch(path, json=change, headers=headers)
        if answer.status_code not in (404, 409):
            answer.raise_for_status()

    def _logs(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/containerLogs/{namespace}/{pod}/{container}", self._log)
        return app

    async def _log(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        async for piece in self._read(request.match_info["pod"], request):
            await answer.write(piece)
        return answer

    async def _read(self, name: str, request: web.Request) -> AsyncIterator[bytes]:
        if request.match_info["container"] == "collector":
            if name in self._ends and name in self._results:
                yield BEGIN + b"\n" + base64.encodebytes(self._results[name]) + END + b"\n"
            return
        since, given = request.query.get("sinceTime", "")[:19], 0
        while True:
            for stamp, line in self._lines.get(name, [])[given:]:
                given += 1
                if stamp >= since:
                    yield stamp.encode() + b" " + line
            if name in self._ends or request.query.get("follow") != "true":
                return
            await asyncio.sleep(_EVERY_SECONDS)


def _job(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["labels"]["noonmark/job"])


def _container(name: str, state: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "state": state, "image": "i:1", "imageID": "", "ready": False, "restartCount": 0}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
