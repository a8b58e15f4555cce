"""Images from nothing but Debian's packages: a base with Python, the services, and ours by `make images`.

The base stands in for `python:3.11-slim-bookworm`: debootstrap's smallest system, and Debian's Python.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.integration.scheduler.runtimes.docker.daemon import Daemon

ROOT = Path(__file__).parents[2]
BASE = "noonmark-tests/base:1"
SERVICES = "noonmark-tests/services:1"
OLD, NEW = "0.0.1", "0.0.2"
"""Versions to upgrade from and to."""
_SECONDS = 300.0


def environment(daemon: Daemon) -> dict[str, str]:
    """That of a shell in which docker means this engine, and nothing else is set."""
    return {**_kept(), "DOCKER_HOST": f"unix://{daemon.socket}", "DOCKER_BUILDKIT": "0"}


def _kept() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name in _NAMES or name.startswith("PIP_")}


_NAMES = {"PATH", "HOME", "LANG", "TMPDIR"}


def run(*command: str, given: Mapping[str, str], within: float = _SECONDS) -> str:
    """What it printed. AssertionError with all it said if it failed."""
    done = subprocess.run(
        command, cwd=ROOT, env=dict(given), capture_output=True, timeout=within, check=False
    )
    said = done.stdout.decode() + done.stderr.decode()
    assert done.returncode == 0, f"{' '.join(command)}\n{said}"
    return done.stdout.decode()


def make_base(daemon: Daemon) -> None:
    """A root file system, imported as one layer; made in memory, where dpkg's flushing costs nothing."""
    folder = Path(tempfile.mkdtemp(prefix="noonmark-base-"))
    given = environment(daemon)
    run("mount", "-t", "tmpfs", "-o", "size=1g", "noonmark-base", str(folder), given=given)
    try:
        packages = "--include=python3,python3-venv,ca-certificates"
        run("debootstrap", "--variant=minbase", packages, "bookworm", str(folder / "root"), given=given)
        _forget(folder / "root")
        packed = f"tar -C {folder}/root --numeric-owner -c . | docker import - {BASE}"
        run("sh", "-c", packed, given=given)
    finally:
        run("umount", "--lazy", str(folder), given=given)
        folder.rmdir()


def _forget(root: Path) -> None:
    """What an image of a registry would not hold either."""
    for name in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale"):
        shutil.rmtree(root / name, ignore_errors=True)
    (root / "var/cache/apt/archives/partial").mkdir(parents=True)
    (root / "var/lib/apt/lists/partial").mkdir(parents=True)
    (root / "etc/hostname").unlink(missing_ok=True)


def make_services(daemon: Daemon) -> None:
    """PostgreSQL and the proxy; the only build that reaches a network."""
    given = environment(daemon)
    options = ("--quiet", "--network=host", f"--build-arg=BASE={BASE}", f"--tag={SERVICES}")
    run("docker", "build", *options, "tests/stack/services", given=given)


def fetch_packages() -> None:
    """What `make images` does first, and the only part of it that reaches a network."""
    run("make", "wheels", "sbom", given=_kept())


def make_ours(daemon: Daemon, version: str, *, canaries: Mapping[str, str]) -> None:
    """As a release would, with a shell full of secrets, and without a network."""
    variables = (f"BASE={BASE}", f"VERSION={version}", "BUILD_OPTIONS=--network=none")
    run("make", "images", *variables, given={**environment(daemon), **canaries})
