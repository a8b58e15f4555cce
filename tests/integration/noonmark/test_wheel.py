"""What is published: the client and jobctl, nothing else, and enough to run where nothing else is."""

import re
import subprocess
import sys
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

from noonmark.version import VERSION

ROOT = Path(__file__).parents[3]

_BUILD = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"
_PINNED = re.compile(r"^([a-z0-9-]+==[^\s;]+)", re.MULTILINE)
_IMPORT = """
import sys, noonmark
client = noonmark.Client(token="t")
ours = {"app", "core", "scheduler", "reaper", "local"} & {name.partition(".")[0] for name in sys.modules}
print(noonmark.__version__, sorted(ours))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Freshly built, without asking anybody on the network."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-c", _BUILD, str(folder)], cwd=ROOT, check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    return built


def test_nothing_of_the_servers_is_in_the_wheel(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert {name.partition("/")[0] for name in names} == {"noonmark"}
    assert {"noonmark/py.typed", "noonmark/webhook.py", "noonmark/command/main.py"} <= names
    assert all(name.endswith((".py", "py.typed")) for name in names)


def test_the_wheel_says_what_it_needs_and_brings_jobctl(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        about = f"noonmark-{VERSION}.dist-info"
        metadata = archive.read(f"{about}/METADATA").decode()
        entry_points = archive.read(f"{about}/entry_points.txt").decode()
    needed = {re.split(r"[<>=]", each)[0] for each in re.findall(r"^Requires-Dist: (\S+)", metadata, re.M)}
    assert needed == {"click", "httpx", "msgspec"}
    assert entry_points.split() == ["[console_scripts]", "jobctl", "=", "noonmark.command.main:main"]


@pytest.mark.heavy
def test_the_wheel_alone_runs_in_a_bare_environment(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=True)
    programs = tmp_path / "bare" / "bin"
    pins = _PINNED.findall((ROOT / "requirements" / "develop.txt").read_text())
    (tmp_path / "pins.txt").write_text("\n".join(pins))
    pip = [str(programs / "python"), "-m", "pip", "install", "-q", "-c", str(tmp_path / "pins.txt")]
    subprocess.run([*pip, str(wheel)], check=True, cwd=tmp_path)
    imported = subprocess.run(
        [programs / "python", "-c", _IMPORT], check=True, cwd=tmp_path, capture_output=True, text=True
    )
    assert imported.stdout == f"{VERSION} []\n"
    helped = subprocess.run(
        [programs / "jobctl", "--help"], check=True, cwd=tmp_path, capture_output=True, text=True
    )
    assert helped.stdout.startswith("Usage: jobctl ")
