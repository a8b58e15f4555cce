"""The API as for jobs."""

from tests.integration.app.jobs.conftest import edge, hints, mine, settings

__all__ = ["edge", "hints", "mine", "settings"]
