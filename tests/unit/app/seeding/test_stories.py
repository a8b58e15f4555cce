"""The demo data is what a user could have sent, and calls nobody."""

from datetime import UTC, datetime

import pytest
from msgspec import UnsetType

from app.jobs import checks
from app.jobs.schemas import CreateHttpJob
from app.seeding.stories import BATCH, MARK, PAUSED, STORIES, Story
from core.jobs.backoff import Retry
from core.jobs.model import Outcome

ORDERS = [*(story.order for story in STORIES), *BATCH]


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: str(order.target.url))
def test_each_could_have_been_created(order: CreateHttpJob) -> None:
    assert checks.faults(order, now=datetime.now(UTC)) == []
    assert order.labels.items() >= MARK.items()


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: str(order.target.url))
def test_none_can_reach_anybody(order: CreateHttpJob) -> None:
    assert order.target.url.startswith("https://shop.invalid/")


@pytest.mark.parametrize("story", STORIES, ids=lambda story: str(story.order.target.url))
def test_each_stays_as_it_is_for_a_day(story: Story) -> None:
    over = story.cancelled or (story.tries and story.tries[-1].retry_seconds is None)
    waits_for_retry = story.tries and story.tries[-1].retry_seconds is not None
    assert (
        over or waits_for_retry or story.order.queue == PAUSED or (story.order.delay_seconds or 0) >= 86_400
    )


@pytest.mark.parametrize("story", STORIES, ids=lambda story: str(story.order.target.url))
def test_each_keeps_to_its_own_policy(story: Story) -> None:
    retry = Retry() if isinstance(story.order.retry, UnsetType) else story.order.retry
    assert len(story.tries) <= retry.max_attempts
    for one, after in zip(story.tries, story.tries[1:], strict=False):
        assert one.outcome is not Outcome.SUCCEEDED
        assert one.retry_seconds is not None
        assert after.after >= one.after + one.duration + one.retry_seconds
    if story.tries and story.tries[-1].status == 500:
        assert len(story.tries) == retry.max_attempts
