"""The settings that `make .env` writes for compose."""

import re
import subprocess
import sys

from core.settings import load
from docs.generator.pages import ROOT

_EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")


def written() -> dict[str, str]:
    command = [sys.executable, "-I", "-S", "infra/compose/environment.py", ".env.example"]
    text = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout.decode()
    lines = [line for line in text.splitlines() if line and line[0] != "#"]
    return dict(line.split("=", 1) for line in lines)


def test_the_example_holds_no_secret() -> None:
    lines = [line for line in _EXAMPLE.splitlines() if re.match("[A-Z_]*(?:SECRET|KEYS?|PASSWORD)=", line)]
    assert len(lines) > 4
    assert [line for line in lines if not line.endswith("=")] == []


def test_what_is_written_starts_every_process() -> None:
    settings = load(written(), need=("jwt_secret", "master_keys", "admin_secret", "public_url"))
    assert settings.development
    assert settings.egress_allow == written()["NOONMARK_TARGETS_SUBNET"]


def test_no_two_files_share_a_secret() -> None:
    one, other = written(), written()
    different = {name for name in one if one[name] != other[name]}
    made = {"POSTGRES_PASSWORD", "NOONMARK_JWT_SECRET", "NOONMARK_MASTER_KEYS", "NOONMARK_ADMIN_SECRET"}
    assert different == made | {"GRAFANA_PASSWORD"}


def test_compose_asks_for_nothing_that_the_example_does_not_explain() -> None:
    compose = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    needed = set(re.findall(r"\$\{(\w+):\?", compose))
    assert needed
    assert needed <= written().keys()
