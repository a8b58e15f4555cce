"""A job as a test has it in mind, and what the database must say of it whatever happened."""

from uuid import UUID

import msgspec

from core.jobs.model import Needs

ROWS = """
SELECT j.id,
       array_remove(ARRAY[CASE WHEN t.job_id IS NOT NULL THEN 'timers' END,
                          CASE WHEN r.job_id IS NOT NULL THEN 'ready' END,
                          CASE WHEN l.job_id IS NOT NULL THEN 'leases' END,
                          CASE WHEN e.job_id IS NOT NULL THEN e.state END], NULL),
       coalesce(t.attempt, r.attempt, l.attempt), l.lease_token, d.job_id IS NOT NULL,
       ARRAY(SELECT number || ' ' || outcome FROM attempts a WHERE a.job_id = j.id ORDER BY a.id),
       ARRAY(SELECT kind FROM history v WHERE v.job_id = j.id ORDER BY v.id),
       md5(e::text), coalesce(t.needs, r.needs, l.needs)
FROM jobs j LEFT JOIN timers t ON t.job_id = j.id LEFT JOIN ready r ON r.job_id = j.id
LEFT JOIN leases l ON l.job_id = j.id LEFT JOIN endings e ON e.job_id = j.id
LEFT JOIN dead_letters d ON d.job_id = j.id
"""


class Row(msgspec.Struct, frozen=True):
    """A job as the database has it."""

    id: UUID
    places: list[str]
    waiting: int | None
    token: UUID | None
    dead: bool
    attempts: list[str]
    events: list[str]
    ending: str | None
    needs: int | None


class Job:
    """A job as the model has it."""

    def __init__(self, place: str, max_attempts: int, needs: Needs) -> None:
        self.place = place
        self.max_attempts = max_attempts
        self.needs = needs
        self.attempts: list[str] = []
        self.token: UUID | None = None
        self.replica: UUID | None = None
        self.cancelling = False
        self.ending = ""

    def leave(self, place: str) -> None:
        """Into a waiting place or a final state."""
        self.place, self.token, self.cancelling = place, None, False

    def check(self, row: Row) -> None:
        """What holds after every step."""
        assert row.places == [self.place], "exactly one place, and the one it must be"
        assert row.attempts == self.attempts, "nothing lost, nothing invented"
        assert row.token == self.token, "one owner"
        assert row.waiting in (None, len(self.attempts) + 1), "the next number"
        assert row.needs in (None, self.needs), "wherever it goes"
        assert row.dead == (self.place == "failed")
        assert row.ending == self.ending or not self.ending, "an ending is written once"
        self.ending = row.ending or ""
        self._check_history(row)

    def _check_history(self, row: Row) -> None:
        numbers, outcomes = [[text.split()[part] for text in row.attempts] for part in (0, 1)]
        assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
        assert len(numbers) <= self.max_attempts
        assert "succeeded" not in outcomes[:-1]
        if "cancelled" in row.events:
            assert "started" not in row.events[row.events.index("cancelled") :]
