"""What the tests of this run may use of PostgreSQL: NOONMARK_WITHOUT takes away from it, as elsewhere.

A test that is about one of the capabilities says so by a mark, `capability("notify")`, and is no part of a
run without it; how things go without has tests of its own, which are part of every run.
"""

import os

import pytest

from core.capabilities import allowed
from core.settings import left_out

WITHOUT = os.environ.get("NOONMARK_WITHOUT", "")
SERVER = allowed(WITHOUT)


def can_run(item: pytest.Item) -> bool:
    """Whether this test needs nothing that was taken away."""
    needed = {name for mark in item.iter_markers("capability") for name in mark.args}
    return not needed & set(left_out(WITHOUT))
