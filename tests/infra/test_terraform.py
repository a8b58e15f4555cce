"""Terraform's modules and environments: written as Terraform writes, valid, and as their own tests say.

`infra/tools` builds the providers that the module proxy has. For the two that nobody here has, helm and
hcloud, there are stand-ins that know their arguments and can do nothing (`standins/`): what is written
against those is parsed, typed and planned by Terraform, and never applied for real.
"""

import shutil
from pathlib import Path

import pytest

from tests.infra.tools import TERRAFORM, attempt, run

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]

WITHOUT_PROVIDERS = ("modules/vm/cloud-init",)
WITH_PROVIDERS = (
    "modules/docker",
    "modules/kubernetes",
    "modules/vm",
    "environments/local",
    "environments/staging",
    "environments/production",
)


def initialised(folder: str, to: Path) -> Path:
    """A folder beside its modules and the chart, without its lock: what is built here has other checksums."""
    root = to / "infra"
    shutil.copytree(TERRAFORM.parent, root, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    place = root / "terraform" / folder
    run("terraform", "init", "-backend=false", "-input=false", "-no-color", at=place)
    return place


def check(folder: str, to: Path) -> None:
    place = initialised(folder, to)
    run("terraform", "validate", "-no-color", at=place)
    assert " 0 failed" in run("terraform", "test", "-no-color", at=place)


@pytest.mark.infra
def test_everything_is_written_as_terraform_writes() -> None:
    run("terraform", "fmt", "-check", "-recursive", "-diff", at=TERRAFORM)


@pytest.mark.infra
@pytest.mark.parametrize("folder", WITHOUT_PROVIDERS)
def test_what_needs_no_provider_is_valid_and_passes_its_own_tests(folder: str, tmp_path: Path) -> None:
    check(folder, tmp_path)


@pytest.mark.providers
@pytest.mark.parametrize("folder", WITH_PROVIDERS)
def test_what_needs_providers_is_valid_and_passes_its_own_tests(folder: str, tmp_path: Path) -> None:
    check(folder, tmp_path)


@pytest.mark.providers
def test_nothing_is_planned_for_real_with_a_stand_in(tmp_path: Path) -> None:
    place = initialised("modules/vm", tmp_path)
    given = ("-var=ssh_public_key=ssh-ed25519 AAAA", '-var=admin_cidrs=["198.51.100.7/32"]')
    done = attempt("terraform", "plan", "-input=false", "-no-color", *given, at=place)
    assert done.returncode != 0
    assert "hetznercloud/hcloud is a stand-in here" in done.stderr


@pytest.mark.infra
def test_whatever_is_written_is_checked() -> None:
    written = {
        str(file.parent.relative_to(TERRAFORM))
        for file in TERRAFORM.glob("**/versions.tf")
        if ".terraform" not in file.parts
    }
    assert written == {*WITHOUT_PROVIDERS, *WITH_PROVIDERS}
