"""Terraform's modules and environments: written as Terraform writes, valid, and as their own tests say.

Each is checked where its providers are; `infra/tools` builds those that the module proxy has. What nobody
has is left out by name below, so that a provider that goes missing is no silence.
"""

import re
import shutil
from pathlib import Path

import pytest

from tests.infra.tools import TERRAFORM, run

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]

WITHOUT_PROVIDERS = ("vm/cloud-init",)
WITH_PROVIDERS = ("docker", "kubernetes")
ENVIRONMENTS = ("local", "production")
NOT_TO_BE_HAD = {"modules/vm", "environments/staging"}
"""They need hetznercloud/hcloud."""
HELM = {
    "versions.tf": r"    helm = \{\n.*?\n    \}\n",
    "main.tf": r"provider \"helm\" \{\n.*?\n\}\n",
    "plan.tftest.hcl": r"mock_provider \"helm\" \{\}\n",
    "release.tf": r".*",
}
"""What speaks of hashicorp/helm, which is not to be had either; the release itself is in release.tf alone."""


def initialised(folder: str, to: Path) -> Path:
    """A folder beside its modules and the chart, without its lock: what is built here has other checksums."""
    root = to / "infra"
    shutil.copytree(TERRAFORM.parent, root, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    for file in root.rglob("*.*"):
        if file.name in HELM:
            file.write_text(re.sub(HELM[file.name], "", file.read_text(), flags=re.DOTALL))
    place = root / "terraform" / folder
    run("terraform", "init", "-backend=false", "-input=false", "-no-color", at=place)
    return place


def check(module: str, to: Path) -> None:
    place = initialised(f"modules/{module}", to)
    run("terraform", "validate", "-no-color", at=place)
    assert " 0 failed" in run("terraform", "test", "-no-color", at=place)


@pytest.mark.infra
def test_everything_is_written_as_terraform_writes() -> None:
    run("terraform", "fmt", "-check", "-recursive", "-diff", at=TERRAFORM)


@pytest.mark.infra
@pytest.mark.parametrize("module", WITHOUT_PROVIDERS)
def test_a_module_without_providers_is_valid_and_passes_its_own_tests(module: str, tmp_path: Path) -> None:
    check(module, tmp_path)


@pytest.mark.providers
@pytest.mark.parametrize("module", WITH_PROVIDERS)
def test_a_module_is_valid_and_passes_its_own_tests(module: str, tmp_path: Path) -> None:
    check(module, tmp_path)


@pytest.mark.providers
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_is_valid(environment: str, tmp_path: Path) -> None:
    run("terraform", "validate", "-no-color", at=initialised(f"environments/{environment}", tmp_path))


@pytest.mark.infra
def test_whatever_can_be_checked_is_checked() -> None:
    written = {
        str(file.parent.relative_to(TERRAFORM))
        for file in TERRAFORM.glob("**/versions.tf")
        if ".terraform" not in file.parts
    }
    modules = {f"modules/{name}" for name in (*WITHOUT_PROVIDERS, *WITH_PROVIDERS)}
    assert written == modules | {f"environments/{name}" for name in ENVIRONMENTS} | NOT_TO_BE_HAD
