"""What `make up` is going to start, read from the environment once and checked. It only looks at ports.

`local` decides what a newcomer would have to know otherwise: development mode, secrets, ports, loopback as
a target. Everything that somebody has set in the environment stays as it is, except NOONMARK_ENV.
"""

import socket
import sys
from collections.abc import Mapping
from itertools import chain, islice
from pathlib import Path

import msgspec

from core.errors import SettingError
from core.settings import Settings, load
from local.refusal import Refusal
from local.supervisor import Program

# What a newcomer need not set: `load` insists on the first, and a long drain would make Ctrl-C a long wait.
_DEFAULTS = {"DATABASE_URL": "postgresql://", "NOONMARK_DRAIN_SECONDS": "5"}

_METRICS_OFFSET = 10
_FIRST_PORT, _LAST_PORT = 1_024, 65_535
_MARGIN_SECONDS = 3.0


class Plan(msgspec.Struct, frozen=True):
    """One installation on this machine."""

    folder: Path
    """The data folder, absolute."""
    port: int
    """The API's, on 127.0.0.1; PORT=0 takes any that is free."""
    schedulers: int
    """How many replicas."""
    metrics_ports: list[int]
    """One for each replica, then the reaper's; 0 is off."""
    drain_seconds: float
    """How long a replica may finish its calls when it is stopped."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def stop_seconds(self) -> float:
        return self.drain_seconds + _MARGIN_SECONDS


def folder(given: Mapping[str, str]) -> Path:
    """The data folder, absolute. Raises Refusal."""
    return Path(_settings(given).data_dir).absolute()


def read(given: Mapping[str, str]) -> Plan:
    """Looks at ports: hold the folder's lock, so that a second `make up` hears of the first, not of its port.

    Raises Refusal, naming the variable.
    """
    settings = _settings(given)
    port = settings.port or _any()
    if not free(port):
        raise Refusal(
            f"port {port} is taken: stop what listens there, or choose another one: PORT={port + 1}"
        )
    first = settings.metrics_port if given.get("NOONMARK_METRICS_PORT") else None
    return Plan(
        folder=Path(settings.data_dir).absolute(),
        port=port,
        schedulers=settings.schedulers,
        metrics_ports=_metrics_ports(first, port, settings.schedulers + 1),
        drain_seconds=settings.drain_seconds,
    )


def environment(
    plan: Plan, given: Mapping[str, str], secrets: Mapping[str, str], database: str
) -> dict[str, str]:
    """What every server gets."""
    chosen = {
        "DATABASE_URL": database,
        "PORT": str(plan.port),
        "PUBLIC_URL": given.get("PUBLIC_URL") or plan.url,
        "NOONMARK_ENV": "development",
        "NOONMARK_DATA_DIR": str(plan.folder),
        "NOONMARK_DRAIN_SECONDS": f"{plan.drain_seconds:g}",
        "NOONMARK_RUNTIMES": given.get("NOONMARK_RUNTIMES") or "function,process",
        "NOONMARK_EGRESS_ALLOW": given.get("NOONMARK_EGRESS_ALLOW") or "127.0.0.0/8,::1/128",
    }
    return {**chosen, **secrets}


def migrate(environment: Mapping[str, str]) -> Program:
    return Program(name="migrate", command=[sys.executable, "-m", "app", "migrate"], environment=environment)


def servers(plan: Plan, environment: Mapping[str, str]) -> list[Program]:
    """The API, each replica, the reaper."""
    command = [sys.executable, "-m", "app"]
    api = Program(
        name="app", command=command, environment=environment, ready=f"{plan.url}/readyz", is_called=True
    )
    names = [f"scheduler-{number}" for number in range(1, plan.schedulers + 1)] + ["reaper"]
    quiet = [_quiet(name, port, environment) for name, port in zip(names, plan.metrics_ports, strict=True)]
    return [api, *quiet]


def _settings(given: Mapping[str, str]) -> Settings:
    try:
        return load({**_DEFAULTS, **{name: value for name, value in given.items() if value}})
    except SettingError as error:
        raise Refusal(str(error)) from error


def free(port: int) -> bool:
    """Whether 127.0.0.1:port can be listened on. As servers do: a port in TIME_WAIT is free."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _any() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _quiet(name: str, port: int, environment: Mapping[str, str]) -> Program:
    """A server that nobody calls but for its health and metrics."""
    return Program(
        name=name,
        command=[sys.executable, "-m", name.partition("-")[0]],
        environment={**environment, "NOONMARK_METRICS_PORT": str(port)},
        ready=f"http://127.0.0.1:{port}/readyz" if port else None,
    )


def _metrics_ports(first: int | None, port: int, count: int) -> list[int]:
    """As somebody chose, or else what is free above the API's port: then no certain one matters."""
    if first == 0:
        return [0] * count
    if first is None:
        start = port + _METRICS_OFFSET
        candidates = chain(range(start, _LAST_PORT), range(_FIRST_PORT, start))
        return list(islice(filter(free, candidates), count))
    ports = list(range(first, first + count))
    for taken in (one for one in ports if not free(one)):
        raise Refusal(f"port {taken} is taken: choose another NOONMARK_METRICS_PORT")
    return ports
