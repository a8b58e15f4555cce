"""Where `infra/tools` has put what it built, and how it is run."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHART = ROOT / "infra" / "helm" / "noonmark"
TERRAFORM = ROOT / "infra" / "terraform"
TOOLS = Path(os.environ.get("NOONMARK_TOOLS", Path.home() / ".cache" / "noonmark-tools"))
HELM = TOOLS / "bin" / "helm"
COLLECTOR = TOOLS / "bin" / "otelcol"
_KEPT = {"PATH", "HOME", "LANG", "TMPDIR"}


def run(*command: str, at: Path = ROOT, given: Mapping[str, str] | None = None, within: float = 300.0) -> str:
    """What it printed. AssertionError with all it said if it failed."""
    done = attempt(*command, at=at, given=given, within=within)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


def attempt(
    *command: str, at: Path = ROOT, given: Mapping[str, str] | None = None, within: float = 300.0
) -> subprocess.CompletedProcess[str]:
    """As `run`, for what may fail."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT}
    environment = {
        **kept,
        "TF_CLI_CONFIG_FILE": str(TOOLS / "terraform.rc"),
        "TF_IN_AUTOMATION": "1",
        **(given or {}),
    }
    return subprocess.run(
        command, cwd=at, env=environment, capture_output=True, timeout=within, check=False, text=True
    )
