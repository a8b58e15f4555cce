"""The same users as for jobs."""

from tests.integration.app.jobs.conftest import edge, hints, mine, settings, theirs

__all__ = ["edge", "hints", "mine", "settings", "theirs"]
