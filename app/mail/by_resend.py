"""Mail through Resend (https://resend.com), by its own asynchronous client.

Each mail has an idempotency key, so a repeat after a crash or a lost answer is not a second mail. The
client reports a transport error as code 500; those, real 5xx and 429 are tried again, within 30 seconds in
all. Anything else will not get better by repeating.
"""

import asyncio
from uuid import UUID

import resend
from resend.exceptions import NoContentError, ResendError
from resend.http_client_httpx import HTTPXClient
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_random_exponential
from tenacity.wait import wait_base

from app.mail.carrier import Undelivered
from app.mail.letters import Letter

_SECONDS = 30.0
_CALL_SECONDS = 10
_PAUSE = wait_random_exponential(multiplier=0.5, max=5)


class ByResend:
    """Carries letters to Resend."""

    keeps = False

    def __init__(self, api_key: str, *, sender: str, pause: wait_base = _PAUSE) -> None:
        resend.api_key = api_key
        resend.default_async_http_client = HTTPXClient(timeout=_CALL_SECONDS)
        self._sender = sender
        self._pause = pause

    async def carry(self, letter: Letter, mail_id: UUID) -> Undelivered | None:
        """None once Resend took it."""
        try:
            async with asyncio.timeout(_SECONDS):
                await self._send(letter, mail_id)
        except ResendError as error:
            return Undelivered(reason=f"resend {error.code}", permanent=not _is_temporary(error))
        except (TimeoutError, NoContentError):
            return Undelivered(reason="resend does not answer", permanent=False)
        return None

    async def _send(self, letter: Letter, mail_id: UUID) -> None:
        params: resend.Emails.SendParams = {
            "from": self._sender,
            "to": [letter.to],
            "subject": letter.subject,
            "text": letter.text,
            "html": letter.html,
        }
        retrying = AsyncRetrying(
            retry=retry_if_exception(_is_temporary),
            wait=self._pause,
            stop=stop_after_delay(_SECONDS - _CALL_SECONDS),
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                await resend.Emails.send_async(params, {"idempotency_key": str(mail_id)})


def _is_temporary(error: BaseException) -> bool:
    if not isinstance(error, ResendError):
        return False
    code = int(error.code) if str(error.code).isdecimal() else 500
    return code == 429 or code >= 500
