"""From rows to what users see, as `app.jobs.reading` does it for jobs."""

from app.dead_letters.schemas import DeadLetter
from app.dead_letters.store import Letter
from app.jobs import reading


def letter(stored: Letter) -> DeadLetter:
    """A dead letter as the API shows it."""
    return DeadLetter(
        id=stored.job_id,
        definition=reading.definition(stored.target_type, stored.target),
        target=reading.target(stored.target_type, stored.target, stored.body),
        fire_at=stored.fire_at,
        queue=stored.queue,
        priority=stored.priority,
        timeout_seconds=stored.timeout_seconds,
        retry=reading.retries(stored.retry),
        labels=reading.words.decode(stored.labels),
        expires_at=stored.expires_at,
        success=reading.successes(stored.success),
        attempts_made=stored.attempts,
        last_error=reading.error(stored.error_code, stored.error_message),
        created_at=stored.created_at,
        failed_at=stored.failed_at,
        replayed_as=stored.replayed_as,
    )
