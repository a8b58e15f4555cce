"""What a container of an attempt is made of: pure, and the only place that says so.

A job's code is not trusted. It is never root (a number that the image names is kept, a name could be root's),
has no capabilities and cannot gain any, writes to nothing but /tmp (in memory, within its limit) and its own
folder, reaches no network unless ordered, and writes no log on the host's disk. Its limits hold for memory
and swap together.

The command takes the place of the image's entry point and its arguments, as in Kubernetes; without one the
image decides. A small init runs it, so that TERM ends what does not handle it, here as everywhere.
"""

import re
from typing import Any
from uuid import UUID

from core.jobs.targets import Limits
from scheduler.runtimes import environment
from scheduler.runtimes.runtime import Order

LABEL_LEASE = "noonmark.lease"
LABEL_INSTALLATION = "noonmark.installation"

OUTPUT = "/noonmark/out"
PARAMS = "/noonmark/params.json"

DEFAULT_LIMITS = Limits(memory_mb=512, cpus=1.0, pids=256)

_NOBODY = 65534
_TMP_MB = 64
_MEBIBYTE = 1024 * 1024

_NUMBERS = re.compile(r"(?P<user>[1-9][0-9]{0,8})(?::(?P<group>[1-9][0-9]{0,8}))?")


def container_name(lease_token: UUID) -> str:
    """Known before the engine has answered, so that what was made can be removed without its answer."""
    return f"noonmark-{lease_token}"


def container_user(named: str, *, uid: int, gid: int) -> str:
    """Who runs, for the user that an image names and the one that the scheduler is.

    A scheduler that is not root gives its own, or it could not remove what the job leaves in its folder.
    """
    if uid != 0:
        return f"{uid}:{gid or _NOBODY}"
    numbers = _NUMBERS.fullmatch(named)
    if numbers is None:
        return f"{_NOBODY}:{_NOBODY}"
    return f"{numbers['user']}:{numbers['group'] or numbers['user']}"


def container_labels(order: Order, *, replica: str, installation: str) -> dict[str, str]:
    """The marks by which what a dead replica has left is found again."""
    return {
        LABEL_LEASE: str(order.lease_token),
        LABEL_INSTALLATION: installation,
        "noonmark.job": str(order.job_id),
        "noonmark.attempt": str(order.attempt),
        "noonmark.replica": replica,
    }


def container_config(
    order: Order, *, image_id: str, user: str, labels: dict[str, str], network: str, defaults: Limits
) -> dict[str, Any]:
    """The body of the engine's `create`."""
    config: dict[str, Any] = {
        "Image": image_id,
        "User": user,
        "Env": [f"{name}={value}" for name, value in environment.variables(order, OUTPUT).items()],
        "Labels": labels,
        "AttachStdin": False,
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": False,
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": _host_config(order, network=network, defaults=defaults),
    }
    if order.command:
        config |= {"Entrypoint": list(order.command), "Cmd": []}
    if order.working_directory:
        config["WorkingDir"] = order.working_directory
    return config


def _host_config(order: Order, *, network: str, defaults: Limits) -> dict[str, Any]:
    return {
        **_limits(order.limits, defaults),
        "Init": True,
        "Privileged": False,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "ReadonlyRootfs": True,
        "Tmpfs": {"/tmp": f"size={_TMP_MB}m,mode=1777"},  # noqa: S108
        "NetworkMode": network,
        "IpcMode": "private",
        # What is printed is read from the container itself; nobody reads what the engine would write.
        "LogConfig": {"Type": "none"},
        "Mounts": [
            _mount(str(order.folder / "out"), OUTPUT, read_only=False),
            _mount(str(order.folder / "params.json"), PARAMS, read_only=True),
        ],
    }


def _limits(wanted: Limits, defaults: Limits) -> dict[str, Any]:
    memory = (wanted.memory_mb or defaults.memory_mb or 0) * _MEBIBYTE
    return {
        "Memory": memory,
        # Memory and swap together: the same number means no swap.
        "MemorySwap": memory,
        "NanoCpus": int((wanted.cpus or defaults.cpus or 0) * 1_000_000_000),
        "PidsLimit": wanted.pids or defaults.pids or 0,
        "Ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}],
    }


def _mount(source: str, target: str, *, read_only: bool) -> dict[str, Any]:
    # A mount, unlike a bind of the older kind, is refused where the engine does not have its source.
    return {"Type": "bind", "Source": source, "Target": target, "ReadOnly": read_only}
