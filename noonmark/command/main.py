"""The entry point of `jobctl`: all commands, and how a failure ends.

0  done
1  the call failed, or something is wrong
2  what was typed is no command of ours
3  there is no such thing
4  not signed in, or not allowed
5  it does not fit where the job stands
6  the job was waited for and did not succeed, or not in time

Who waits for code exits as the code did; see `noonmark.command.waiting`.
"""

from typing import Any

import click

from noonmark.command import (
    artifacts,
    completion,
    console,
    dead_letters,
    definitions,
    doctor,
    jobs,
    login,
    queues,
    running,
    tokens,
    videos,
    waiting,
)
from noonmark.errors import (
    Conflict,
    Forbidden,
    NoonmarkError,
    NotFound,
    NotSignedIn,
    Problem,
    TimedOut,
    Unauthenticated,
)
from noonmark.version import VERSION

_EXIT: dict[type[NoonmarkError], int] = {
    NotFound: 3,
    Unauthenticated: 4,
    Forbidden: 4,
    NotSignedIn: 4,
    Conflict: 5,
    TimedOut: waiting.UNSUCCESSFUL,
}


class Program(click.Group):
    """All of jobctl; turns what a call raised into a message and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except NoonmarkError as error:
            click.echo(_message(error), err=True)
            ctx.exit(_EXIT.get(type(error), 1))


@click.group("jobctl", cls=Program)
@click.version_option(VERSION, prog_name="jobctl")
@click.pass_context
def program(context: click.Context) -> None:
    """Create, see and steer the jobs of a Noonmark server.

    Begin with `jobctl login`. Every command takes --url, --token and -o (table, json or id).
    """
    console.of(context)


@click.command("completion")
@click.argument("shell", type=click.Choice(completion.SHELLS))
def completing(shell: str) -> None:
    """Print what makes a shell complete jobctl.

    \b
    bash:  eval "$(jobctl completion bash)"
    zsh:   eval "$(jobctl completion zsh)"
    fish:  jobctl completion fish | source
    """
    click.echo(completion.script(program, shell))


program.params.extend(console.shared_options())
for _command in (
    login.login,
    login.logout,
    jobs.group,
    artifacts.group,
    videos.group,
    dead_letters.group,
    queues.group,
    definitions.group,
    tokens.group,
    tokens.secrets,
    doctor.doctor,
    completing,
    running.run,
    running.submit,
    jobs.call,
    jobs.logs,
):
    program.add_command(_command)
program.add_command(jobs.get, "status")


def main() -> None:
    """Run jobctl."""
    program(prog_name="jobctl")


def _message(error: NoonmarkError) -> str:
    """What went wrong, each fault of what was sent, and what helps."""
    if isinstance(error, NotSignedIn):
        return "jobctl: nobody is signed in here\nSign in with: jobctl login"
    if isinstance(error, Problem) and error.errors:
        first = f"jobctl: {error.status} {error.code} (request {error.request_id})"
        return "\n".join([first, *(f"  {fault}" for fault in error.errors)])
    hint = "\nSign in with: jobctl login" if isinstance(error, Unauthenticated) else ""
    return f"jobctl: {error}{hint}"
