"""One engine, its images, and one stack that is up, for all tests of this folder."""

import socket
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from tests.integration.scheduler.runtimes.docker.daemon import Daemon, running
from tests.stack import making
from tests.stack.rig import Stack, User

CANARIES = {
    name: f"canary{uuid4().hex}" for name in ("NOONMARK_JWT_SECRET", "POSTGRES_PASSWORD", "GIT_TOKEN")
}


@pytest.fixture(scope="session")
def engine() -> Iterator[Daemon]:
    """Its layers share what they have in common. The default network is off: nothing leaves by accident."""
    folder = Path(tempfile.mkdtemp(prefix="noonmark-stack-"))
    with running(folder, "--storage-driver=overlay2") as daemon:
        yield daemon


@pytest.fixture(scope="session")
def images(engine: Daemon) -> Daemon:
    """The engine, once it has all images; what waits for a network and what computes goes side by side."""
    with ThreadPoolExecutor() as both:
        list(both.map(lambda make: make(), (partial(making.make_base, engine), making.fetch_packages)))
        ours = partial(making.make_ours, engine, making.OLD, canaries=CANARIES)
        list(both.map(lambda make: make(), (ours, partial(making.make_services, engine))))
    return engine


@pytest.fixture(scope="session")
def stack(images: Daemon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """`docker compose up`, and all of it away again."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    made = Stack(images, tmp_path_factory.mktemp("stack"), port)
    try:
        made.compose("up", "-d")
        yield made
    finally:
        made.compose("down", "--volumes", "--timeout", "10")


@pytest.fixture(scope="session")
def user(stack: Stack) -> Iterator[User]:
    """Signed in by a mailed link."""
    signed_in = User(stack)
    yield signed_in
    signed_in.http.close()


@pytest.fixture(scope="session")
def hook(stack: Stack, user: User) -> Iterator[str]:
    """The example receiver, by the name of its container; it verifies what the user's jobs send."""
    stack.compose(
        *(
            "run",
            "-d",
            "--no-deps",
            "--name",
            "hook",
            "-e",
            f"NOONMARK_WEBHOOK_SECRET={user.signing_secrets()}",
        ),
        *("--entrypoint", "/opt/noonmark/bin/python", "receiver"),
        *("-m", "examples.receiver", "--host", "0.0.0.0"),
    )
    stack.until_logged("hook", "listening ")
    yield "hook"
    stack.docker("rm", "--force", "hook")
