"""What a look means: each figure with its verdict, and what to do about a bad one. Pure."""

from app.doctor.schemas import Finding, Verdict
from app.doctor.store import Look
from core.schema import EXPECTED


def findings(look: Look, *, latency: float, skew: float) -> list[Finding]:
    """`latency`: seconds of a round trip; `skew`: how far ahead our own clock is."""
    return [
        _graded("database_latency_seconds", latency, 0.05, 1.0, "the database is slow, or far away"),
        _schema(look),
        _replicas(look),
        _graded("last_beat_age_seconds", look.beat_age, 10.0, 30.0, "no replica beats"),
        _graded("oldest_ready_age_seconds", look.oldest_ready, 10.0, 300.0, "jobs wait: add replicas"),
        _graded("overdue_timer_seconds", look.overdue_timer, 5.0, 60.0, "due timers are not planned"),
        _graded(
            "oldest_transaction_seconds", look.oldest_transaction, 60.0, 600.0,
            "a transaction stays open, and holds vacuum back",
        ),
        _graded("oldest_mail_age_seconds", look.oldest_mail, 60.0, 900.0, "mails are not sent"),
        _count("waiting_mails", look.mails),
        _partitions(look),
        _graded("clock_skew_seconds", abs(skew), 1.0, 60.0, "our clock and the database's differ"),
    ]  # fmt: skip


def worst(found: list[Finding]) -> Verdict:
    """The verdict on the whole."""
    order = list(Verdict)
    return max((one.verdict for one in found), key=order.index)


def _graded(name: str, value: float | None, warning: float, failing: float, trouble: str) -> Finding:
    if value is None or value < warning:
        return Finding(name, Verdict.FINE, None if value is None else round(value, 4))
    verdict = Verdict.WARNING if value < failing else Verdict.FAILING
    return Finding(name, verdict, round(value, 4), trouble)


def _count(name: str, value: int) -> Finding:
    return Finding(name, Verdict.FINE, value)


def _schema(look: Look) -> Finding:
    if look.revision == EXPECTED:
        return Finding("schema", Verdict.FINE, int(look.revision))
    if look.revision is not None and look.revision > EXPECTED:
        trouble = f"the database is at {look.revision}, newer than this version: finish the upgrade"
        return Finding("schema", Verdict.WARNING, int(look.revision), trouble)
    trouble = f"the database is at {look.revision}, this version needs {EXPECTED}"
    return Finding("schema", Verdict.FAILING, None, trouble)


def _replicas(look: Look) -> Finding:
    if look.alive == 0:
        return Finding("live_replicas", Verdict.FAILING, 0, "no replica is alive: nothing is called")
    if look.lost:
        trouble = f"{look.lost} stopped beating within the last hour"
        return Finding("live_replicas", Verdict.WARNING, look.alive, trouble)
    return Finding("live_replicas", Verdict.FINE, look.alive)


def _partitions(look: Look) -> Finding:
    name = "days_of_history_ahead"
    if look.days_ahead == 0:
        return Finding(name, Verdict.FAILING, 0, "history of tomorrow has no place: is the reaper running?")
    if look.days_ahead < 3:
        return Finding(name, Verdict.WARNING, look.days_ahead, "few days are left: is the reaper running?")
    return Finding(name, Verdict.FINE, look.days_ahead)
