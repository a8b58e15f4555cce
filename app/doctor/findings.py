"""What a look means: each figure with its verdict, and what to do about a bad one. Pure."""

from app.doctor.schemas import Finding, Verdict
from app.doctor.store import Look
from core.schema import EXPECTED


def findings(look: Look, *, latency: float, skew: float) -> list[Finding]:
    """`latency`: seconds of a round trip; `skew`: how far ahead our own clock is."""
    return [
        graded(
            "database_latency_seconds", latency, 0.05, 1.0, "the database is slow, or far away",
            "look at its CPU, its disk and the way to it",
        ),
        _schema(look),
        _replicas(look),
        graded(
            "last_beat_age_seconds", look.beat_age, 10.0, 30.0, "no replica beats",
            "start a scheduler, or see in its log why beats fail",
        ),
        graded(
            "oldest_ready_age_seconds", look.oldest_ready, 10.0, 300.0, "jobs wait",
            "add schedulers or slots, unless their queue is paused, limited or needs a runtime nobody offers",
        ),
        graded(
            "overdue_timer_seconds", look.overdue_timer, 5.0, 60.0, "due timers are not planned",
            "see in the schedulers' logs why their rounds fail",
        ),
        graded(
            "oldest_transaction_seconds", look.oldest_transaction, 60.0, 600.0,
            "a transaction stays open, and holds vacuum back",
            "find it in pg_stat_activity by xact_start, and end it",
        ),
        graded(
            "oldest_mail_age_seconds", look.oldest_mail, 60.0, 900.0, "mails are not sent",
            "see in the API's log what the mail service says",
        ),
        _count("waiting_mails", look.mails),
        _partitions(look),
        graded(
            "clock_skew_seconds", abs(skew), 1.0, 60.0, "our clock and the database's differ",
            "run a time service on both machines",
        ),
    ]  # fmt: skip


def worst(found: list[Finding]) -> Verdict:
    """The verdict on the whole."""
    order = list(Verdict)
    return max((one.verdict for one in found), key=order.index)


def graded(
    name: str, value: float | None, warning: float, failing: float, trouble: str, advice: str
) -> Finding:
    """A figure that is bad when it is high."""
    if value is None or value < warning:
        return Finding(name, Verdict.FINE, None if value is None else round(value, 4))
    verdict = Verdict.WARNING if value < failing else Verdict.FAILING
    return Finding(name, verdict, round(value, 4), trouble, advice)


def _count(name: str, value: int) -> Finding:
    return Finding(name, Verdict.FINE, value)


def _schema(look: Look) -> Finding:
    if look.revision == EXPECTED:
        return Finding("schema", Verdict.FINE, int(look.revision))
    if look.revision is not None and look.revision > EXPECTED:
        trouble = f"the database is at {look.revision}, newer than this version: finish the upgrade"
        return Finding("schema", Verdict.WARNING, int(look.revision), trouble)
    trouble = f"the database is at {look.revision}, this version needs {EXPECTED}"
    return Finding("schema", Verdict.FAILING, None, trouble, "run `python -m app migrate`")


def _replicas(look: Look) -> Finding:
    if look.alive == 0:
        return Finding(
            "live_replicas", Verdict.FAILING, 0, "no replica is alive: nothing is called", "start a scheduler"
        )
    if look.lost:
        trouble = f"{look.lost} stopped beating within the last hour"
        advice = "see in their last log lines why they ended"
        return Finding("live_replicas", Verdict.WARNING, look.alive, trouble, advice)
    return Finding("live_replicas", Verdict.FINE, look.alive)


def _partitions(look: Look) -> Finding:
    name = "days_of_history_ahead"
    advice = "start a reaper, or see in its log why it makes none"
    if look.days_ahead == 0:
        return Finding(name, Verdict.FAILING, 0, "history of tomorrow has no place", advice)
    if look.days_ahead < 3:
        return Finding(name, Verdict.WARNING, look.days_ahead, "few days are left", advice)
    return Finding(name, Verdict.FINE, look.days_ahead)
