"""`python -m local up | demo | migration NAME`: what the Makefile calls."""

import os
import signal
import sys
from collections.abc import Callable

from local import demo, migration, plan, up
from local.refusal import Refusal


def ending(command: Callable[[], int]) -> int:
    """The exit status of a command: a refusal is a line, and SIGTERM unwinds as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return command()
    except Refusal as refusal:
        print(f"noonmark: {refusal}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def main(arguments: list[str]) -> int:
    match arguments:
        case ["up"]:
            return up.run(_demo(stays=True).play, stays=True)
        case ["demo"]:
            return up.run(_demo(stays=False).play, stays=False)
        case ["migration", name]:
            return migration.write(name)
        case _:
            raise Refusal("usage: python -m local up | demo | migration NAME")


def _demo(*, stays: bool) -> demo.Demo:
    return demo.Demo(plan.folder(os.environ), stays=stays)


if __name__ == "__main__":
    sys.exit(ending(lambda: main(sys.argv[1:])))
