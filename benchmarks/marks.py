"""How a process that counts its own jobs tells the middle of its work: two lines on stdout, `COUNT CLOCK`.

Starting and running dry are left out of every measurement: the first and the last 15 %.
"""

import sys
import time

FIRST, LAST = 0.15, 0.85


def window(total: int) -> tuple[int, int]:
    """The counts between which it is measured."""
    return int(total * FIRST), int(total * LAST)


class Marks:
    """Says each mark once, when the count has passed it."""

    def __init__(self, total: int) -> None:
        self._left = [*window(total)]
        self.done = 0

    def add(self, count: int) -> None:
        self.done += count
        if self._left and self.done >= self._left[0]:
            self._left.pop(0)
            sys.stdout.write(f"{self.done} {time.time():.6f}\n")
            sys.stdout.flush()


def parse(line: str) -> tuple[int, float]:
    """What a mark says."""
    count, at = line.split()
    return int(count), float(at)
