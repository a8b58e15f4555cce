"""Nobody outside is trusted."""

from tests.trust import trust

__all__ = ["trust"]
