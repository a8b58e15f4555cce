"""The requests that the pages show are requests that the API takes."""

import re
from datetime import UTC, datetime

import msgspec
import pytest
from msgspec import UNSET

from app.jobs import checks
from app.jobs.schemas import CreateHttpJob, CreateTarget, RetryPolicy, SuccessRule
from core.jobs.model import TIMEOUT_SECONDS
from docs.generator.pages import ROOT
from local import demo


def _blocks(page: str, opening: str, closing: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(re.escape(opening) + r"(.*?)" + re.escape(closing), text, re.DOTALL)


_JOBS = [
    *_blocks("docs/api.md", "```json\n", "```"),
    *_blocks("README.md", "application/json' -d '", "'\n```"),
]


def test_the_pages_show_a_job_each() -> None:
    assert len(_JOBS) == 2


@pytest.mark.parametrize("text", _JOBS, ids=["api", "readme"])
def test_a_job_that_is_shown_is_one_that_is_taken(text: str) -> None:
    job = msgspec.json.decode(text, type=CreateHttpJob)
    assert checks.faults(job, now=datetime(2026, 1, 1, tzinfo=UTC)) == []


def test_the_defaults_that_are_shown_are_the_defaults() -> None:
    shown = msgspec.json.decode(_JOBS[0], type=CreateHttpJob)
    bare = CreateHttpJob(
        target=shown.target, timeout_seconds=TIMEOUT_SECONDS, retry=RetryPolicy(), queue="default",
        priority="normal", success=SuccessRule(),
    )  # fmt: skip
    assert msgspec.structs.replace(shown, fire_at=None, labels={}) == bare
    given = msgspec.structs.replace(shown.target, headers={}, body=UNSET)
    assert given == CreateTarget(url=shown.target.url)


def test_the_story_in_the_readme_is_the_one_that_is_told() -> None:
    (story,) = _blocks("README.md", "What `make up` shows:\n\n```\n", "```")
    told = re.findall(r"^  (\w+) +(/\w+) +arrived +\d+ ms late, signature verified$", story, re.MULTILINE)
    assert told == [(method, path) for method, path, *_ in vars(demo)["_JOBS"]]
