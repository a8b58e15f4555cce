"""The life of a job, drawn from the one table of its transitions."""

from core.jobs.lifecycle import FINAL, TRANSITIONS
from core.jobs.model import State
from docs.generator.markdown import table
from docs.generator.words import described

HOMES = {
    State.SCHEDULED: "`timers`; `leases` before its due instant, when it was claimed ahead",
    State.QUEUED: "`ready`; `timers` in the moment between due and planned",
    State.RUNNING: "`leases`",
    State.CANCELLING: "`leases`, with a cancel request",
    State.SUCCEEDED: "`endings`",
    State.FAILED: "`endings`, and a copy in `dead_letters`",
    State.CANCELLED: "`endings`",
}
"""Which table holds a job in this state: where it stands is its state."""


def picture() -> str:
    """The state diagram, one arrow a pair of states. A second colon in a line would break the drawing."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for step in TRANSITIONS:
        arrows.setdefault((step.source or "[*]", step.target), []).append(_verb(step.mover))
    lines = [f"    {a} --> {b}: {', '.join(dict.fromkeys(verbs))}" for (a, b), verbs in arrows.items()]
    ends = [f"    {state} --> [*]" for state in State if state in FINAL]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, *ends, "```", ""])


def states() -> str:
    """Each state: what it means, where the job lies, who moves it on."""
    meanings = described(State)
    rows = [(f"`{state}`", meanings[state], HOMES[state], _movers(state)) for state in State]
    return table(("state", "meaning", "where the job stands", "who moves it on"), rows)


def transitions() -> str:
    """Every way from a state to another."""
    rows = [
        (f"`{step.source}`" if step.source else "–", f"`{step.target}`", step.mover, step.reason)
        for step in TRANSITIONS
    ]
    return table(("from", "to", "who", "why"), rows)


def _movers(state: State) -> str:
    if state in FINAL:
        return "nobody, ever"
    return ", ".join(dict.fromkeys(step.mover for step in TRANSITIONS if step.source is state))


def _verb(mover: str) -> str:
    """`scheduler: claim` is known by its verb; the API moves only what a user asks it to."""
    return mover.partition(": ")[2] or {"API": "user", "reaper": "reap"}[mover]
