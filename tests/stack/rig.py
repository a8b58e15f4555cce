"""The stack of compose.yaml, and what a user of it would do.

Debian's docker-compose (1.29) runs it, or the program that the variable COMPOSE names, such as a Compose 2.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import msgspec

from tests.integration.scheduler.runtimes.docker.daemon import Daemon
from tests.stack.making import OLD, SERVICES, environment, run
from tests.waiting import block_until

PROGRAM = os.environ.get("COMPOSE", "docker-compose")

_PYTHON = "/opt/noonmark/bin/python"
_OUTBOX = "import sys,urllib.request;sys.stdout.write(urllib.request.urlopen(sys.argv[1]).read().decode())"


class Stack:
    """One project of compose. The settings are those of `make .env`, on a free port."""

    def __init__(self, daemon: Daemon, folder: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.daemon = daemon
        self.file = folder / "env"
        made = run("python3", "infra/compose/environment.py", ".env.example", given=environment(daemon))
        self.file.write_text(
            re.sub(r"(NOONMARK_LISTEN|PUBLIC_URL)=(.*):8080", rf"\1=\2:{port}", made), encoding="utf-8"
        )

    @property
    def environment(self) -> dict[str, str]:
        """Compose takes what is set here before what the file says."""
        return {
            **environment(self.daemon),
            "POSTGRES_IMAGE": SERVICES,
            "PROXY_IMAGE": SERVICES,
            "NOONMARK_VERSION": OLD,
            "COMPOSE": self.command,
        }

    @property
    def command(self) -> str:
        return f"{PROGRAM} --project-name noonmark --env-file {self.file}"

    def secrets(self) -> list[str]:
        """What the file holds that nobody may see."""
        lines = self.file.read_text(encoding="utf-8").splitlines()
        values = dict(line.split("=", 1) for line in lines if "=" in line and line[0] != "#")
        names = [name for name in values if re.search("PASSWORD|SECRET|KEYS", name)]
        return [values[name] for name in names]

    def compose(self, *arguments: str, changes: Mapping[str, str] | None = None, within: float = 180) -> str:
        given = {**self.environment, **(changes or {})}
        return run(*self.command.split(), *arguments, given=given, within=within)

    def docker(self, *arguments: str) -> str:
        return run("docker", *arguments, given=self.environment)

    def containers(self, service: str) -> list[str]:
        return self.compose("ps", "-q", service).split()

    def only(self, service: str) -> str:
        """The one container of a service, beside those that `run` has started."""
        labels = (f"com.docker.compose.service={service}", "com.docker.compose.oneoff=False")
        [name] = self.docker("ps", "--quiet", *(f"--filter=label={label}" for label in labels)).split()
        return name

    def inspected(self, thing: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = msgspec.json.decode(self.docker("inspect", thing))
        return found[0]

    def logs(self, container: str) -> str:
        """What it printed, on both ends."""
        given = self.environment
        return run("sh", "-c", f"docker logs {container} 2>&1", given=given)

    def until_logged(self, container: str, text: str, *, times: int = 1, within: float = 60.0) -> None:
        def there() -> bool:
            return self.logs(container).count(text) >= times

        block_until(there, within=within, what=f"{container} says {text!r} {times} times")

    def until_healthy(self, service: str, count: int) -> None:
        def all_are() -> bool:
            states = [self.inspected(each)["State"]["Health"]["Status"] for each in self.containers(service)]
            return states == ["healthy"] * count

        block_until(all_are, within=90, what=f"{count} of {service} are healthy")


class User:
    """Somebody who signs in by the link in a mail, which development shows inside the server alone."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.http = httpx.Client(base_url=stack.url, timeout=30, trust_env=False)
        email = f"{uuid4().hex}@example.com"
        self.http.post("/v1/auth/magic-link", json={"email": email}).raise_for_status()
        link = block_until(lambda: self._link(email), within=20, what="a mail comes")
        token = parse_qs(urlsplit(link).fragment)["token"][0]
        granted = self.http.post("/v1/auth/verify", json={"token": token}).raise_for_status().json()
        self.headers = {"Authorization": f"Bearer {granted['access_token']}"}
        self.http.headers.update(self.headers)
        self.http.patch(f"/v1/tenants/{granted['tenant']['id']}", json={"request_rate": 0}).raise_for_status()

    def signing_secrets(self) -> str:
        items = self.http.get("/v1/signing-secrets").raise_for_status().json()["items"]
        return " ".join(item["secret"] for item in items)

    def replicas(self) -> int:
        return len(self.http.get("/v1/replicas").raise_for_status().json()["items"])

    def _link(self, email: str) -> str:
        [server, *_] = self._stack.containers("server")
        url = f"http://127.0.0.1:8080/dev/outbox?to={email}"
        read = self._stack.docker("exec", server, _PYTHON, "-c", _OUTBOX, url)
        mails = msgspec.json.decode(read)["items"]
        return str(mails[0]["link"]) if mails else ""
