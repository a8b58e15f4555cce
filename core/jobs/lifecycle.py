"""The one table of a job's transitions; the picture in `docs/lifecycle.md` is drawn from it.

A final state has no way out: the primary key of `endings` enforces that.
"""

import msgspec

from core.jobs.model import State

FINAL = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})


class Transition(msgspec.Struct, frozen=True):
    """One way from a state to another."""

    source: State | None
    target: State
    mover: str
    """Who moves the job."""
    reason: str


TRANSITIONS = (
    Transition(None, State.SCHEDULED, "API", "created with a fire time ahead"),
    Transition(None, State.QUEUED, "API", "created to fire now"),
    Transition(State.SCHEDULED, State.QUEUED, "scheduler: plan", "due"),
    Transition(State.SCHEDULED, State.RUNNING, "scheduler: claim", "due, and claimed ahead of time"),
    Transition(State.SCHEDULED, State.CANCELLED, "API", "cancelled while waiting"),
    Transition(State.SCHEDULED, State.CANCELLING, "API", "cancelled after it was claimed ahead"),
    Transition(State.QUEUED, State.SCHEDULED, "API", "moved to a later fire time"),
    Transition(State.QUEUED, State.RUNNING, "scheduler: claim", "a slot is free"),
    Transition(State.QUEUED, State.CANCELLED, "API", "cancelled while waiting"),
    Transition(State.RUNNING, State.SUCCEEDED, "scheduler: settle", "answered as the success rule asks"),
    Transition(State.RUNNING, State.SCHEDULED, "scheduler: settle", "failed, an attempt is left"),
    Transition(State.RUNNING, State.SCHEDULED, "reaper", "its replica stopped beating, an attempt is left"),
    Transition(State.RUNNING, State.QUEUED, "scheduler: settle", "given back before it was started"),
    Transition(State.RUNNING, State.FAILED, "scheduler: settle", "failed for good"),
    Transition(State.RUNNING, State.FAILED, "reaper", "lost, and no attempt is left"),
    Transition(State.RUNNING, State.CANCELLING, "API", "cancelled while running"),
    Transition(State.CANCELLING, State.CANCELLED, "scheduler: settle", "aborted, or did not succeed"),
    Transition(State.CANCELLING, State.CANCELLED, "reaper", "its replica stopped beating"),
    Transition(State.CANCELLING, State.SUCCEEDED, "scheduler: settle", "the call had already succeeded"),
)
