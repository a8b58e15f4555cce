"""What an attempt's code needs to tell about itself over HTTP: where to, and as whom."""

from core import callbacks
from core.callbacks import Pass
from core.jobs.model import Lease
from core.sealing import Keyring

URL = "NOONMARK_CALLBACK_URL"
TOKEN = "NOONMARK_CALLBACK_TOKEN"  # noqa: S105


class Invitations:
    """Makes the variables of each attempt; none while nobody knows where the API is reached."""

    def __init__(self, keyring: Keyring, public_url: str | None) -> None:
        self._keyring = keyring
        self._origin = public_url.rstrip("/") if public_url else None

    def to(self, lease: Lease) -> dict[str, str]:
        """They hold until the attempt's deadline, for this attempt alone."""
        if self._origin is None:
            return {}
        of = Pass(job_id=lease.job_id, attempt=lease.attempt, lease_token=lease.lease_token)
        token = callbacks.issue(self._keyring, of, expires_at=lease.deadline_at)
        return {URL: f"{self._origin}/v1/jobs/{lease.job_id}/callback", TOKEN: token}
