"""Have a URL called in a few seconds, and see what came of it.

NOONMARK_TOKEN=nm_… python -m examples.schedule_a_call https://example.com/hook"""

import sys
from datetime import UTC, datetime, timedelta

import noonmark


def main(url: str) -> None:
    with noonmark.Client() as client:  # NOONMARK_URL and NOONMARK_TOKEN say where and as whom.
        job = client.jobs.create(
            url,
            body={"invoice": 1042, "action": "send reminder"},
            fire_at=datetime.now(UTC) + timedelta(seconds=2),
            retry=noonmark.Retry(max_attempts=3, base_seconds=5),
            labels={"team": "billing"},
            # The same key makes no second job, also when this program is started again after a crash.
            idempotency_key=f"reminder-1042-{datetime.now(UTC):%Y-%m-%d}",
        )
        print(f"{job.id} is {job.state}, to fire at {job.fire_at.isoformat()}")

        job = client.jobs.wait(job.id, timeout=60)
        for attempt in client.jobs.attempts(job.id):
            status = attempt.response.status if attempt.response else attempt.error
            print(f"attempt {attempt.number}: {attempt.outcome}, {status}")
        print(f"{job.id} {job.state}")


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except noonmark.Problem as refused:
        sys.exit(f"{refused}\n" + "\n".join(str(fault) for fault in refused.errors))
    except noonmark.NoonmarkError as error:
        sys.exit(str(error))
