"""The programs of a control plane, on loopback, with nothing but what these tests need."""

import json
import os
import signal
import ssl
import subprocess
from pathlib import Path
from typing import Any, Self

import httpx
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from local import child
from tests.e2e.fleet import free_port
from tests.waiting import block_until

NAMESPACE = "noonmark-jobs"
ACCOUNT = "scheduler"

_ADMIN = "admin-token"
_CONTROLLERS = (
    "job-controller",
    "garbage-collector-controller",
    "ttl-after-finished-controller",
    "namespace-controller",
    "serviceaccount-controller",
    "pod-garbage-collector-controller",
)


class Plane:
    """While it lasts, an API server answers at `url`."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        self._started: list[subprocess.Popen[bytes]] = []
        self.port, self._etcd, self._peer = free_port(), free_port(), free_port()
        self.url = f"https://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_raised: object) -> None:
        self._end()

    @property
    def authority(self) -> Path:
        """What its certificate is checked against."""
        return self._folder / "certificates" / "apiserver.crt"

    def admin(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.url, verify=ssl.create_default_context(cafile=str(self.authority)), trust_env=False,
            headers={"Authorization": f"Bearer {_ADMIN}"},
        )  # fmt: skip

    def kubeconfig(self, token: str = _ADMIN, *, name: str = "admin") -> Path:
        place = self._folder / f"{name}.kubeconfig"
        cluster = {"server": self.url, "certificate-authority": str(self.authority)}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": {"token": token}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": NAMESPACE}}],
        }
        place.write_text(json.dumps(content))
        return place

    def furnish(self, role: dict[str, Any]) -> None:
        """A namespace under the restricted standard, and an account in it with this role alone."""
        enforced = {"pod-security.kubernetes.io/enforce": "restricted"}
        with self.admin() as admin:
            self._make(admin, "/api/v1/namespaces", {"metadata": {"name": NAMESPACE, "labels": enforced}})
            below = f"namespaces/{NAMESPACE}"
            self._make(admin, f"/api/v1/{below}/serviceaccounts", {"metadata": {"name": ACCOUNT}})
            rbac = f"/apis/rbac.authorization.k8s.io/v1/{below}"
            self._make(admin, f"{rbac}/roles", role)
            name = role["metadata"]["name"]
            self._make(
                admin,
                f"{rbac}/rolebindings",
                {
                    "metadata": {"name": name},
                    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
                    "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}],
                },
            )
            block_until(
                lambda: admin.get(f"/api/v1/{below}/serviceaccounts/default").is_success,
                within=30, what="the namespace has its account",
            )  # fmt: skip

    def token(self) -> str:
        """Of the scheduler's account."""
        with self.admin() as admin:
            path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{ACCOUNT}/token"
            answer = admin.post(path, json={"spec": {"expirationSeconds": 3600}}).raise_for_status()
            return str(answer.json()["status"]["token"])

    def restart(self) -> None:
        """The API server dies and comes back."""
        [server] = [one for one in self._started if "kube-apiserver" in str(one.args)]
        self._started.remove(server)
        server.kill()
        server.wait()
        self._serve()

    def _make(self, admin: httpx.Client, path: str, made: dict[str, Any]) -> None:
        answer = admin.post(path, json=made)
        assert answer.is_success, answer.text

    def _start(self) -> None:
        self._keys()
        client = f"http://127.0.0.1:{self._etcd}"
        self._run(
            "etcd", "--data-dir", str(self._folder / "etcd"), "--listen-client-urls", client,
            "--advertise-client-urls", client, "--listen-peer-urls", f"http://127.0.0.1:{self._peer}",
            "--initial-advertise-peer-urls", f"http://127.0.0.1:{self._peer}",
            "--initial-cluster", f"default=http://127.0.0.1:{self._peer}", "--unsafe-no-fsync",
        )  # fmt: skip
        self._serve()
        self._run(
            "kube-controller-manager", f"--kubeconfig={self.kubeconfig()}",
            f"--controllers={','.join(_CONTROLLERS)}", "--leader-elect=false", "--secure-port=0",
            f"--service-account-private-key-file={self._folder / 'key'}",
        )  # fmt: skip

    def _serve(self) -> None:
        folder = self._folder
        self._run(
            "kube-apiserver", f"--etcd-servers=http://127.0.0.1:{self._etcd}",
            f"--secure-port={self.port}", "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
            f"--cert-dir={folder / 'certificates'}", "--authorization-mode=RBAC", "--anonymous-auth=false",
            f"--token-auth-file={folder / 'tokens'}", "--service-cluster-ip-range=10.0.0.0/24",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={folder / 'public'}",
            f"--service-account-signing-key-file={folder / 'key'}",
            "--kubelet-preferred-address-types=InternalIP",
            "--enable-admission-plugins=OwnerReferencesPermissionEnforcement",
        )  # fmt: skip
        block_until(self._answers, within=90, what=f"the API server answers; see {folder}")

    def _answers(self) -> bool:
        try:
            with self.admin() as admin:
                return admin.get("/readyz").is_success
        except (httpx.HTTPError, OSError):
            # It does not listen, or has not written its certificate.
            return False

    def _keys(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (self._folder / "key").write_bytes(private)
        (self._folder / "public").write_bytes(public)
        (self._folder / "tokens").write_text(f"{_ADMIN},admin,admin,system:masters\n")

    def _run(self, program: str, *arguments: str) -> None:
        line = child.command([str(self._programs / program), *arguments], on_parent_death=signal.SIGKILL)
        with (self._folder / f"{program}.log").open("ab") as log:
            started = subprocess.Popen(
                line, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder,
                env={"PATH": os.environ["PATH"], "HOME": str(self._folder)},
            )  # fmt: skip
        self._started.append(started)

    def _end(self) -> None:
        for started in reversed(self._started):
            started.kill()
            started.wait()
