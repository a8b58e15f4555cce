"""An image is judged before the engine sees it, taken where it is, and pulled where it is not."""

import base64
import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from core.egress.images import ImagePolicy, parse_image_policy
from scheduler.runtimes.runtime import Ending, Exit
from tests.integration.scheduler.runtimes.docker.daemon import Daemon
from tests.integration.scheduler.runtimes.docker.rig import BUSYBOX, Rig
from tests.waiting import block_until

pytestmark = [pytest.mark.docker, pytest.mark.heavy]

SUCCEEDED = Exit(how=Ending.EXITED, code=0)
CONFIGURATION = """
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: "{address}"}}
"""


PASSWORD = "s3cret-of-tests"
# bcrypt of that.
USERS = "ada:$2b$05$abcdefghijklmnopqrstuuQvdQC0iyoEpKKmAu/3kGsQt0UPm2Gom\n"
PRIVATE = "auth: {{htpasswd: {{realm: tests, path: {users}}}}}\n"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Host and port of an empty registry."""
    with _serving(tmp_path_factory.mktemp("registry")) as address:
        yield address


@pytest.fixture
def private(engine: Daemon, tmp_path: Path) -> Iterator[str]:
    """An image in a registry that asks who pulls; only there."""
    users = tmp_path / "users"
    users.write_text(USERS)
    with _serving(tmp_path, PRIVATE.format(users=users)) as address:
        reference = f"{address}/acme/secret:1"
        engine.command("tag", BUSYBOX, reference)
        ours = ("--config", str(tmp_path / "docker"))
        engine.command(*ours, "login", "-u", "ada", "--password-stdin", address, stdin=PASSWORD.encode())
        engine.command(*ours, "push", reference)
        engine.command("rmi", reference)
        yield reference


@contextmanager
def _serving(folder: Path, more: str = "") -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    configuration = folder / "registry.yml"
    configuration.write_text(CONFIGURATION.format(folder=folder / "data", address=address) + more)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(configuration)], stdout=log, stderr=log)
    block_until(lambda: _serves(address), within=20, what="the registry serves")
    try:
        yield address
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(folder)


def _serves(address: str) -> bool:
    host, _, port = address.partition(":")
    with suppress(OSError), socket.create_connection((host, int(port))):
        return True
    return False


@pytest.fixture
def pushed(engine: Daemon, registry: str) -> str:
    """An image that the registry has and the engine has not."""
    reference = f"{registry}/acme/tool:1"
    engine.command("tag", BUSYBOX, reference)
    engine.command("push", reference)
    engine.command("rmi", reference)
    return reference


async def carry_out(daemon: Daemon, folder: Path, image: str, allowed: str) -> Exit:
    rig = Rig(daemon, folder, images=parse_image_policy(allowed))
    end = await rig.carry_out(rig.order("true", image=image))
    await rig.runtime.close()
    return end


async def test_an_image_that_is_not_here_is_pulled(engine: Daemon, tmp_path: Path, pushed: str) -> None:
    registry = pushed.partition("/")[0]
    assert await carry_out(engine, tmp_path, pushed, f"{registry}/") == SUCCEEDED


async def test_an_image_is_pulled_by_its_digest(engine: Daemon, tmp_path: Path, pushed: str) -> None:
    registry, name = pushed.removesuffix(":1").split("/", 1)
    engine.command("pull", pushed)
    digest = engine.command("image", "inspect", "--format", "{{index .RepoDigests 0}}", pushed).partition(
        "@"
    )[2]
    engine.command("rmi", pushed)
    image = f"{registry}/{name}:whatever@{digest.strip()}"
    assert await carry_out(engine, tmp_path, image, f"{registry}/") == SUCCEEDED
    other = f"{registry}/{name}@sha256:{'0' * 64}"
    assert (await carry_out(engine, tmp_path, other, f"{registry}/")).how is Ending.IMAGE_ERROR


async def pull(engine: Daemon, folder: Path, image: str, auths: dict[str, dict[str, str]] | None) -> Exit:
    """With these credentials."""
    file = None if auths is None else folder / "config.json"
    if file is not None:
        file.write_text(json.dumps({"auths": auths}))
    allowed = parse_image_policy(image.partition("/")[0] + "/")
    rig = Rig(engine, folder, images=allowed, credentials=file)
    end = await rig.carry_out(rig.order("true", image=image))
    await rig.runtime.close()
    return end


async def test_a_private_image_is_pulled_with_the_credential_of_its_registry(
    engine: Daemon, tmp_path: Path, private: str, caplog: pytest.LogCaptureFixture
) -> None:
    host = private.partition("/")[0]
    (tmp_path / "in").mkdir()
    given = {"auth": base64.b64encode(f"ada:{PASSWORD}".encode()).decode()}
    wrong = {"username": "ada", "password": f"not-{PASSWORD}"}
    for auths in (None, {"elsewhere.example": given}, {host: wrong}):
        end = await pull(engine, tmp_path / "in", private, auths)
        assert end.how is Ending.IMAGE_ERROR
        assert PASSWORD not in end.message
    assert await pull(engine, tmp_path / "in", private, {host: given}) == SUCCEEDED
    assert PASSWORD not in caplog.text
    assert given["auth"] not in caplog.text


async def test_an_image_that_is_nowhere_is_named(engine: Daemon, tmp_path: Path, registry: str) -> None:
    end = await carry_out(engine, tmp_path, f"{registry}/acme/nosuch", f"{registry}/")
    assert end == Exit(
        how=Ending.IMAGE_ERROR,
        message=f"The image {registry}/acme/nosuch:latest is not here and could not be pulled.",
    )


async def test_a_registry_that_does_not_answer_is_told_no_differently(engine: Daemon, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        silent = f"127.0.0.1:{free.getsockname()[1]}"
    end = await carry_out(engine, tmp_path, f"{silent}/acme/tool", f"{silent}/")
    assert end.how is Ending.IMAGE_ERROR
    assert "refused" not in end.message


@pytest.mark.parametrize("image", ["", "Noonmark/busybox", "noonmark/../busybox", "http://noonmark/busybox"])
async def test_what_is_no_image_is_refused(engine: Daemon, tmp_path: Path, image: str) -> None:
    assert (await carry_out(engine, tmp_path, image, "*")).how is Ending.IMAGE_ERROR


async def test_an_image_that_is_here_is_refused_unless_it_is_allowed(engine: Daemon, tmp_path: Path) -> None:
    rig = Rig(engine, tmp_path, images=ImagePolicy())
    end = await rig.carry_out(rig.order("true"))
    assert end == Exit(how=Ending.IMAGE_ERROR, message="The operator has not allowed this image.")
    await rig.runtime.close()
