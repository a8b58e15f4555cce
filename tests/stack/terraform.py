"""`environments/local` as Terraform applies it, on an engine of its own with the images of the stack."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec

from tests.infra.tools import TOOLS, attempt, run
from tests.integration.scheduler.runtimes.docker.daemon import Daemon
from tests.stack.making import OLD, ROOT, SERVICES, environment

POSTGRES = "noonmark-tests/postgres:1"
_APPLY_SECONDS = 300.0

# The stand-in takes its password from the environment; the well-known image also from a file.
_SCRIPT = 'export POSTGRES_PASSWORD="$(cat $POSTGRES_PASSWORD_FILE)"; exec entrypoint "$@"'
_FROM_A_FILE = f"FROM {SERVICES}\nENTRYPOINT {json.dumps(['/bin/sh', '-c', _SCRIPT, '-'])}\n"


def make_postgres(daemon: Daemon) -> None:
    daemon.command("build", "--quiet", "--tag", POSTGRES, "-", stdin=_FROM_A_FILE.encode())


def copy_images(source: Daemon, target: Daemon) -> None:
    """Ours, and the services, from one engine to another."""
    names = (f"noonmark/server:{OLD}", f"noonmark/scheduler:{OLD}", SERVICES)
    with subprocess.Popen(
        ["docker", "save", *names], env=environment(source), stdout=subprocess.PIPE
    ) as saving:
        subprocess.run(
            ["docker", "load", "--quiet"], env=environment(target), stdin=saving.stdout, check=True
        )


class Local:
    """The environment, in a copy of its folder: state and plans do not land in the tree."""

    def __init__(self, daemon: Daemon, folder: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.daemon = daemon
        shutil.copytree(
            ROOT / "infra" / "terraform",
            folder / "terraform",
            ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"),
        )
        self.folder = folder / "terraform" / "environments" / "local"
        given = {
            "docker_host": f"unix://{daemon.socket}",
            "port": port,
            "drain_seconds": 5,
            "targets_subnet": "172.30.98.0/24",
            "images": {
                "server": f"noonmark/server:{OLD}",
                "scheduler": f"noonmark/scheduler:{OLD}",
                "postgres": POSTGRES,
            },
        }
        (self.folder / "tests.auto.tfvars.json").write_text(json.dumps(given))
        self.terraform("init")

    def terraform(self, *arguments: str) -> str:
        verb, *rest = arguments
        return run(
            "terraform", verb, "-no-color", *rest,
            at=self.folder, given=self._environment, within=_APPLY_SECONDS,
        )  # fmt: skip

    def apply(self, *arguments: str) -> str:
        """Its last word: how much was added, changed, destroyed."""
        said = self.terraform("apply", "-auto-approve", *arguments)
        [line] = [line for line in said.splitlines() if line.startswith("Apply complete!")]
        return line

    def changes(self, *arguments: str) -> bool:
        """Whether a plan finds any."""
        line = ("terraform", "plan", "-no-color", "-detailed-exitcode", *arguments)
        done = attempt(*line, at=self.folder, given=self._environment, within=_APPLY_SECONDS)
        assert done.returncode in (0, 2), done.stdout + done.stderr
        return done.returncode == 2

    def output(self, name: str) -> Any:
        return msgspec.json.decode(self.terraform("output", "-json")).get(name, {}).get("value")

    def state(self) -> str:
        return (self.folder / "terraform.tfstate").read_text()

    def containers(self, service: str) -> list[str]:
        """Names of those of a service that run."""
        shown = self.docker("ps", "--format={{.Names}}", f"--filter=name=^noonmark-{service}(-[0-9]+)?$")
        return sorted(shown.split())

    def inspected(self, thing: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = msgspec.json.decode(self.docker("inspect", thing))
        return found[0]

    def docker(self, *arguments: str) -> str:
        return run("docker", *arguments, given=self._environment)

    def logs(self, container: str) -> str:
        return run("sh", "-c", f"docker logs {container} 2>&1", given=self._environment)

    @property
    def _environment(self) -> dict[str, str]:
        return {
            **environment(self.daemon),
            "TF_CLI_CONFIG_FILE": str(TOOLS / "terraform.rc"),
            "TF_INPUT": "0",
        }
