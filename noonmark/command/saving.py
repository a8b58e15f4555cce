"""Where a file that is downloaded goes, for every command that downloads one. Nothing is replaced unasked."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

TO = click.option("--to", type=click.Path(path_type=Path), help="Where to; else here, under its name.")
FORCE = click.option("--force", is_flag=True, help="Replace what is there.")


def free(to: Path, *, force: bool) -> Path:
    """The place, if it may be written to. UsageError if something is there."""
    if to.exists() and not force:
        raise click.UsageError(f"{to} is there already: give --to, or --force")
    return to


@contextmanager
def writing(to: Path) -> Iterator[None]:
    """What goes wrong here, and not at the server, in words."""
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"cannot write {to}: {error.strerror}") from error
