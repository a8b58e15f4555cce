"""The demo data: jobs in every state that one can see without a scheduler, oldest first.

Nothing here can be reached: names under `.invalid` never resolve, so a scheduler that finds these jobs calls
nobody. Nothing falls due within a day but what waits in the paused queue, and one retry.
"""

from typing import Any

import msgspec
from msgspec import Raw

from app.jobs.schemas import CreateHttpJob, CreateTarget, RetryPolicy
from core.jobs.model import Outcome

EMAIL = "demo@example.com"
"""Whose the demo data is: the user that `make up` signs in."""
PAUSED = "imports"
"""A queue of which nothing starts."""
MARK = {"seed": "demo"}
"""A label of all of them, by which they are found again."""

_HOUR = 3600.0
_DAY = 24 * _HOUR
_AT_ONCE = RetryPolicy(max_attempts=1)


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt and what came of it."""

    after: float
    """Seconds from the creation of the job to its start."""
    duration: float
    outcome: Outcome = Outcome.FAILED
    status: int | None = None
    body: bytes = b""
    code: str | None = "http_status"
    message: str | None = None
    retry_seconds: float | None = None
    """Wait before the next attempt; none after the last one."""


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """A job and what became of it."""

    order: CreateHttpJob
    ago: float = 0.0
    """Seconds since its creation."""
    tries: tuple[Try, ...] = ()
    cancelled: bool = False


def _order(path: str, body: bytes, *, method: Any = "POST", team: str, **given: Any) -> CreateHttpJob:
    headers = {"Authorization": "Bearer demo", "X-Team": team}
    target = CreateTarget(url=f"https://shop.invalid{path}", method=method, headers=headers, body=Raw(body))
    labels = MARK | {"team": team} | given.pop("labels", {})
    return CreateHttpJob(target=target, labels=labels, **given)


def _answered(status: int, *, after: float, wait: float | None) -> Try:
    return Try(
        after=after, duration=0.4, status=status, message=f"The target answered {status}.", retry_seconds=wait
    )


def _done(*, after: float) -> Try:
    return Try(
        after=after, duration=0.2, outcome=Outcome.SUCCEEDED, status=200, body=b'{"ok":true}', code=None
    )


_OVER = (
    Story(
        order=_order("/invoices/1042/send", b'{"invoice":1042}', team="billing", priority="high"),
        ago=3 * _DAY,
        tries=(_done(after=0.1),),
    ),
    Story(
        order=_order("/trials/c_81/end", b'{"customer":"c_81"}', team="growth", delay_seconds=_DAY),
        ago=2.5 * _DAY,
        cancelled=True,
    ),
    Story(
        order=_order("/orders/7/ship", b'{"order":7}', team="logistics"),
        ago=2 * _DAY,
        tries=(_answered(503, after=0.1, wait=30.0), _done(after=30.7)),
    ),
    Story(
        order=_order("/payouts/31", b'{"payout":31}', method="PUT", team="billing", priority="critical"),
        ago=_DAY,
        tries=(
            _answered(502, after=0.1, wait=30.0),
            Try(
                after=30.7,
                duration=30.0,
                outcome=Outcome.TIMED_OUT,
                code="timeout",
                message="The target did not answer in time.",
                retry_seconds=60.0,
            ),
            _answered(500, after=121.0, wait=120.0),
            _answered(500, after=241.6, wait=None),
        ),
    ),
    Story(
        order=_order("/old/webhook", b'{"event":"ping"}', team="growth", retry=_AT_ONCE),
        ago=6 * _HOUR,
        tries=(
            Try(
                after=0.1,
                duration=0.1,
                status=410,
                message="The target answered 410, which another attempt would not change.",
            ),
        ),
    ),
)
_WAITING = (
    Story(
        order=_order(
            "/exports/weekly",
            b'{"format":"csv"}',
            team="analytics",
            retry=RetryPolicy(base_seconds=6 * _HOUR, max_seconds=_DAY),
        ),
        ago=0.5 * _HOUR,
        tries=(_answered(503, after=0.1, wait=6 * _HOUR),),
    ),
    Story(order=_order("/imports/a.csv", b'{"file":"a.csv"}', team="logistics", queue=PAUSED)),
    Story(order=_order("/imports/b.csv", b'{"file":"b.csv"}', team="logistics", queue=PAUSED)),
    Story(order=_order("/reports/daily", b'{"report":"daily"}', team="analytics", delay_seconds=_DAY)),
    Story(
        order=_order(
            "/invoices/1043/remind",
            b'{"invoice":1043}',
            team="billing",
            priority="high",
            delay_seconds=7 * _DAY,
        )
    ),
    Story(
        order=_order(
            "/certificates/renew",
            b'{"host":"shop"}',
            team="platform",
            priority="critical",
            timeout_seconds=600,
            delay_seconds=30 * _DAY,
        )
    ),
    Story(
        order=_order(
            "/archive",
            b'{"before":"last year"}',
            method="DELETE",
            team="platform",
            priority="low",
            retry=_AT_ONCE,
            delay_seconds=365 * _DAY,
        )
    ),
)
STORIES = _OVER + _WAITING

BATCH = tuple(
    _order(
        f"/newsletter/{number}",
        b'{"part":%d}' % number,
        team="growth",
        labels={"campaign": "spring"},
        delay_seconds=2 * _DAY,
    )
    for number in range(1, 6)
)
"""Created together, with ids that follow each other."""
