"""Terraform's modules and environments: written as Terraform writes, valid, and as their own tests say.

Each is checked where its providers are; `infra/tools` builds those that the module proxy has. What nobody
has is left out by name below, so that a provider that goes missing is no silence.
"""

import shutil
from pathlib import Path

import pytest

from tests.infra.tools import TERRAFORM, TOOLS, run

pytestmark = [pytest.mark.heavy, pytest.mark.terraform, pytest.mark.timeout(300)]

MODULES = ("docker", "kubernetes", "vm/cloud-init")
ENVIRONMENTS = ("local", "production")
NOT_TO_BE_HAD = {"modules/vm", "environments/staging"}
"""They need hetznercloud/hcloud."""


def copied(folder: str, to: Path) -> Path:
    """A folder beside its modules and the chart, without its lock: what is built here has other checksums."""
    root = to / "infra"
    shutil.copytree(TERRAFORM.parent, root, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    return root / "terraform" / folder


def initialised(folder: str, to: Path) -> Path:
    place = copied(folder, to)
    run("terraform", "init", "-backend=false", "-input=false", "-no-color", at=place)
    return place


def test_everything_is_written_as_terraform_writes() -> None:
    run("terraform", "fmt", "-check", "-recursive", "-diff", at=TERRAFORM)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_valid_and_passes_its_own_tests(module: str, tmp_path: Path) -> None:
    place = initialised(f"modules/{module}", tmp_path)
    run("terraform", "validate", "-no-color", at=place)
    assert " 0 failed" in run("terraform", "test", "-no-color", at=place)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_is_valid(environment: str, tmp_path: Path) -> None:
    place = initialised(f"environments/{environment}", tmp_path)
    run("terraform", "validate", "-no-color", at=place)


def test_whatever_can_be_checked_is_checked() -> None:
    written = {
        str(folder.parent.relative_to(TERRAFORM)) for folder in TERRAFORM.glob("**/versions.tf")
        if ".terraform" not in folder.parts
    }  # fmt: skip
    checked = {f"modules/{name}" for name in MODULES} | {f"environments/{name}" for name in ENVIRONMENTS}
    assert written == checked | NOT_TO_BE_HAD
    assert list((TOOLS / "providers").glob("*/hetznercloud")) == []
