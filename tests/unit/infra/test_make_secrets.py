"""Secrets are made once, on the machine, and are what the processes can read."""

import shlex
import subprocess
import sys
from pathlib import Path

from core.sealing import parse_keys
from core.settings import load

_PROGRAM = Path(__file__).parents[3] / "infra" / "terraform" / "modules" / "docker" / "make_secrets.py"


def _make(folder: Path) -> dict[str, str]:
    subprocess.run([sys.executable, _PROGRAM, folder], check=True)
    lines = (folder / "environment").read_text().splitlines()
    return {name: shlex.split(value)[0] for name, _, value in (line.partition("=") for line in lines)}


def test_what_it_makes_is_taken_by_every_process(tmp_path: Path) -> None:
    made = _make(tmp_path)
    settings = load(made, need=("jwt_secret", "master_keys", "admin_secret"))
    parse_keys(settings.master_keys or "")
    password = (tmp_path / "postgres-password").read_text()
    assert settings.database_url == f"postgresql://noonmark:{password}@postgres:5432/noonmark"


def test_a_second_time_it_changes_nothing(tmp_path: Path) -> None:
    assert _make(tmp_path) == _make(tmp_path)


def test_two_machines_share_no_secret(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = _make(tmp_path / "one"), _make(tmp_path / "two")
    assert set(one.values()) & set(two.values()) == set()


def test_what_was_given_wins_and_is_not_left_lying(tmp_path: Path) -> None:
    (tmp_path / "given").write_text(
        '# mail\nSMTP_URL="smtp://a b@mail.example.com:587"\nNOONMARK_ADMIN_SECRET=mine\n'
    )
    made = _make(tmp_path)
    assert made["SMTP_URL"] == "smtp://a b@mail.example.com:587"
    assert made["NOONMARK_ADMIN_SECRET"] == "mine"
    assert not (tmp_path / "given").exists()


def test_a_key_that_was_given_before_stays_when_it_is_not_given_again(tmp_path: Path) -> None:
    (tmp_path / "given").write_text("NOONMARK_ADMIN_SECRET=mine\n")
    _make(tmp_path)
    assert _make(tmp_path)["NOONMARK_ADMIN_SECRET"] == "mine"


def test_what_it_writes_can_be_read_by_a_shell(tmp_path: Path) -> None:
    (tmp_path / "given").write_text("SMTP_URL='smtp://a:$HOME\"@mail'\n")
    made = _make(tmp_path)
    script = f'set -a; . {tmp_path}/environment; printf %s "$SMTP_URL"'
    assert (
        subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=True).stdout.decode()
        == made["SMTP_URL"]
    )
    assert made["SMTP_URL"] == 'smtp://a:$HOME"@mail'
