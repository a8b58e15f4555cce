"""Print .env.example with every secret filled in: `python3 infra/compose/environment.py .env.example`.

Nothing but the standard library, for it runs before anything is installed. Secrets are made anew each time;
`make .env` therefore leaves a file alone that is there already.
"""

import base64
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

_MADE: Mapping[str, Callable[[], str]] = {
    "POSTGRES_PASSWORD": lambda: secrets.token_hex(24),
    "NOONMARK_JWT_SECRET": lambda: secrets.token_hex(32),
    "NOONMARK_MASTER_KEYS": lambda: "k1:" + base64.b64encode(secrets.token_bytes(32)).decode(),
    "NOONMARK_ADMIN_SECRET": lambda: secrets.token_hex(32),
    "GRAFANA_PASSWORD": lambda: secrets.token_hex(16),
}


def filled(example: str) -> str:
    """The same lines, the empty ones of secrets with a value."""
    return "".join(_line(line) for line in example.splitlines(keepends=True))


def _line(line: str) -> str:
    name, _, value = line.partition("=")
    return f"{name}={_MADE[name]()}\n" if name in _MADE and not value.strip() else line


if __name__ == "__main__":
    sys.stdout.write(filled(Path(sys.argv[1]).read_text(encoding="utf-8")))
