"""The reaper as a process: what a wrong setting looks like from outside."""

import os
import socket
import subprocess
import sys


def test_a_metrics_port_that_is_taken_ends_it_with_the_name_of_the_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ours = {
            "NOONMARK_METRICS_PORT": str(taken.getsockname()[1]),
            "DATABASE_URL": "postgresql://127.0.0.1:1/x",
        }
        ended = subprocess.run(
            [sys.executable, "-m", "reaper"], capture_output=True, text=True, timeout=30, check=False,
            env={**os.environ, **ours},
        )  # fmt: skip
    assert ended.returncode == 2
    assert ended.stderr.startswith("NOONMARK_METRICS_PORT: cannot listen on ")
    assert len(ended.stderr.splitlines()) == 1
