"""`python -m local up | demo | migration NAME`: what the Makefile calls."""

import signal
import sys

from local import migration, up
from local.refusal import Refusal

_USAGE = "usage: python -m local up | demo | migration NAME"


def main(arguments: list[str]) -> int:
    """The exit status. SIGTERM is taken as Ctrl-C, so that it unwinds like one."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _command(arguments)
    except Refusal as refusal:
        print(f"noonmark: {refusal}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _command(arguments: list[str]) -> int:
    match arguments:
        case ["up"]:
            return up.run(_story, stays=True)
        case ["demo"]:
            return up.run(_story, stays=False)
        case ["migration", name]:
            return migration.write(name)
        case _:
            raise Refusal(_USAGE)


async def _story(base_url: str, say: object, spawn: object) -> bool:
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
