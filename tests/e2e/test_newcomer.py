"""The README's first command, as a newcomer gives it."""

import os
import re
import subprocess
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]


@pytest.mark.promise(12)
@pytest.mark.timeout(180)
def test_one_command_shows_signed_webhooks_arrive(tmp_path: Path) -> None:
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment |= {"PORT": "0", "NOONMARK_DATA_DIR": str(tmp_path / "data")}
    done = subprocess.run(
        ["make", "demo"], cwd=_ROOT, env=environment, capture_output=True, text=True, timeout=170, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"arrived +\d+ ms late, signature verified", done.stdout)) == 5
    assert "5 of 5 succeeded" in done.stdout
