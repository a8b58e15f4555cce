"""What the end of an attempt's code means for its job. A pure function, as `verdict` is for HTTP answers.

exit code 0                                    succeeded
a code that the job calls permanent            failed for good
any other code, a foreign signal               failed, retry
out of memory or disk, its image, its engine   failed, retry
past its time                                  timed out, retry
what does not exist                            failed for good
"""

from collections.abc import Collection

from core.jobs.model import Outcome
from scheduler.runtimes.runtime import Ending, Exit
from scheduler.verdict import Verdict

_SAID = {
    Ending.SIGNALLED: "A signal ended it.",
    Ending.STOPPED: "It was stopped.",
    Ending.OUT_OF_MEMORY: "It wanted more memory than it may have.",
    Ending.OUTPUT_TOO_LARGE: "It wrote more into its folder than that may hold.",
    Ending.IMAGE_ERROR: "Its image could not be had.",
    Ending.NOT_STARTED: "There is nothing to start.",
    Ending.NODE_LOST: "What it ran on went away.",
}


def judge_exit(exit: Exit, *, permanent: Collection[int] = (), overran: bool = False) -> Verdict:
    """What an exit means; ``overran``: it was stopped because its time was over."""
    if overran or exit.how is Ending.TIMED_OUT:
        message = exit.message or "It did not end in time."
        return Verdict(Outcome.TIMED_OUT, retry=True, code="timeout", message=message)
    if exit.how is Ending.EXITED and exit.code == 0:
        return Verdict(Outcome.SUCCEEDED)
    if exit.how is Ending.EXITED:
        again = exit.code not in permanent
        message = exit.message or f"It exited with {exit.code}."
        return Verdict(Outcome.FAILED, retry=again, code="exited", message=message)
    again = exit.how is not Ending.NOT_STARTED
    return Verdict(Outcome.FAILED, retry=again, code=exit.how.value, message=exit.message or _SAID[exit.how])
