"""What Tab offers beside commands and options: ids of recent jobs, names of queues.

Somebody waits in the middle of a line, so a question to the server has a second, is asked once, and whatever
goes wrong offers nothing and says nothing.
"""

from collections.abc import Callable
from typing import Any

import click
from click.shell_completion import CompletionItem, get_completion_class

from noonmark import dead_letters, jobs
from noonmark import definitions as definition_calls
from noonmark import queues as queue_calls
from noonmark.calls import Talk
from noonmark.command import console
from noonmark.model import DeadLetter, Job
from noonmark.retrying import Retrying

SHELLS = ("bash", "zsh", "fish")

_SECONDS = 1.0
_RECENT = 20

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def job_ids(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """The newest jobs, with what they are."""
    found = _quickly(context, jobs.listed(limit=_RECENT))
    items = found.items if found is not None else ()
    return _starting(typed, [(str(job.id), _said(job)) for job in items])


def letter_ids(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """The newest dead letters."""
    found = _quickly(context, dead_letters.listed(limit=_RECENT))
    items = found.items if found is not None else ()
    return _starting(typed, [(str(letter.id), _lost(letter)) for letter in items])


def queues(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Names of queues."""
    found = _quickly(context, queue_calls.listed(limit=100))
    items = found.items if found is not None else ()
    return _starting(typed, [(queue.name, "paused" if queue.paused else "") for queue in items])


def definitions(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Names of definitions."""
    found = _quickly(context, definition_calls.listed(limit=100))
    items = found.items if found is not None else ()
    return _starting(typed, [(one.name, one.description) for one in items])


def script(program: click.Command, shell: str) -> str:
    """What a shell has to read once, to complete jobctl ever after."""
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"{shell} is not one of {', '.join(SHELLS)}")
    return kind(program, {}, "jobctl", "_JOBCTL_COMPLETE").source()


def _quickly(context: click.Context, talk: Talk[Any]) -> Any:
    here = console.of(context)
    here.patience, here.timeout = Retrying(budget_seconds=0), _SECONDS
    try:
        return here.ask(talk).value
    except Exception:
        return None


def _starting(typed: str, offered: list[tuple[str, str]]) -> list[CompletionItem]:
    return [CompletionItem(value, help=said) for value, said in offered if value.startswith(typed)]


def _said(job: Job) -> str:
    return f"{job.state} {job.target}"


def _lost(letter: DeadLetter) -> str:
    return str(letter.target)
