"""What a lease of code asks a runtime to do.

Both directions of secrets end here: those of the job are opened for its order, and ours are not in it.
"""

from pathlib import Path

import msgspec

from core.jobs.backoff import Retry
from core.jobs.model import Lease, TargetType
from core.jobs.targets import ContainerTarget, FunctionTarget
from core.sealing import Keyring
from core.tenants.store import header_context
from scheduler.bringing import NAME as INPUT
from scheduler.inviting import Invitations
from scheduler.runtimes.runtime import Order

Code = ContainerTarget | FunctionTarget

_containers = msgspec.json.Decoder(ContainerTarget)
_functions = msgspec.json.Decoder(FunctionTarget)
_retries = msgspec.json.Decoder(Retry)
_secrets = msgspec.json.Decoder(dict[str, str])


def target(lease: Lease) -> Code:
    """What the lease's job runs."""
    decoder = _functions if lease.target_type == TargetType.FUNCTION else _containers
    return decoder.decode(lease.target)


def params(lease: Lease) -> bytes:
    """JSON."""
    return lease.body or b"null"


def has_more(lease: Lease) -> bool:
    """Whether another attempt would follow this one."""
    return lease.attempt < _most(lease)


class Orders:
    """Writes them, with the keys that the jobs' secrets are sealed by."""

    def __init__(self, keyring: Keyring, invitations: Invitations) -> None:
        self._keyring = keyring
        self._invitations = invitations

    def order(self, lease: Lease, code: Code, place: Path, trace: str | None) -> Order:
        """What is to be run in the folder `place`; ``trace`` is the attempt's traceparent, if it has one."""
        order = Order(
            job_id=lease.job_id,
            attempt=lease.attempt,
            lease_token=lease.lease_token,
            tenant_id=lease.tenant_id,
            params=params(lease),
            folder=place,
            environment=self._ours(lease, trace),
            timeout_seconds=lease.timeout_seconds,
            losses=lease.losses,
        )
        if isinstance(code, FunctionTarget):
            inputs = () if code.input is None else (INPUT,)
            return msgspec.structs.replace(order, command=(code.function,), inputs=inputs)
        return msgspec.structs.replace(
            order,
            command=code.command,
            image=code.image,
            environment=code.env | self._opened(lease) | order.environment,
            working_directory=code.working_directory,
            limits=code.limits,
            network=code.network,
            grace_seconds=code.grace_seconds,
        )

    def _ours(self, lease: Lease, trace: str | None) -> dict[str, str]:
        most = {"NOONMARK_MAX_ATTEMPTS": str(_most(lease))}
        # As OpenTelemetry passes it on to programs.
        traced = {"TRACEPARENT": trace} if trace is not None else {}
        return most | traced | self._invitations.to(lease)

    def _opened(self, lease: Lease) -> dict[str, str]:
        if lease.sealed_headers is None:
            return {}
        return _secrets.decode(
            self._keyring.open(lease.sealed_headers, context=header_context(lease.tenant_id))
        )


def _most(lease: Lease) -> int:
    return _retries.decode(lease.retry).max_attempts
