"""Each method against the API as it is: what one side says the other understands."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

import noonmark
from core.db import Database
from core.jobs.model import Outcome
from noonmark import NewJob, Retry, State
from noonmark import Outcome as Ended
from noonmark.options import Options
from tests.integration.app.jobs.orders import claim, settle

HOOK = "http://127.0.0.1:9/hook"
LATER = timedelta(hours=1)


async def bury(client: noonmark.AsyncClient, database: Database) -> UUID:
    """A job that failed for good."""
    job = await client.jobs.create(HOOK)
    error = {"error_code": "http_400", "error_message": "The target answered 400."}
    await settle(database, await claim(database), Outcome.FAILED, status=400, **error)
    return job.id


async def test_everything_that_is_said_of_a_job_can_be_read_again(client: noonmark.AsyncClient) -> None:
    fire_at = datetime.now(UTC) + LATER
    options: Options = {
        "method": "PUT",
        "headers": {"X-Team": "billing", "X-Mine": "s3cr3t"},
        "secret_headers": ["X-Mine"],
        "body": {"any": ["json", 1.5, None]},
        "fire_at": fire_at,
        "queue": "default",
        "priority": "high",
        "timeout_seconds": 60,
        "expires_at": fire_at + LATER,
        "success": ["2xx", "404"],
        "retry": Retry(max_attempts=7, backoff="linear"),
        "labels": {"team": "billing"},
    }
    made = await client.jobs.create(HOOK, **options)
    read = await client.jobs.get(made.id)
    assert read == made
    assert read.state is State.SCHEDULED
    assert read.target.headers == {"X-Team": "billing", "X-Mine": "***"}
    assert read.target.body == {"any": ["json", 1.5, None]}
    assert (read.fire_at, read.expires_at) == (fire_at, fire_at + LATER)
    assert (read.priority, read.timeout_seconds, read.success.status) == (75, 60, ("2xx", "404"))
    assert (read.retry.max_attempts, read.retry.backoff) == (7, "linear")


async def test_bytes_are_a_body(client: noonmark.AsyncClient) -> None:
    made = await client.jobs.create(HOOK, body_bytes=b"\x00\xff", delay=60)
    assert made.target.body_base64 == "AP8="


async def test_the_same_key_makes_one_job(client: noonmark.AsyncClient) -> None:
    key = str(uuid4())
    first, second = [await client.jobs.create(HOOK, delay=60, idempotency_key=key) for _ in range(2)]
    assert first.id == second.id


async def test_many_jobs_are_created_in_their_order_or_none_is(client: noonmark.AsyncClient) -> None:
    batch: list[NewJob] = [{"url": f"{HOOK}/{number}", "body": number, "delay": LATER} for number in range(3)]
    made = await client.jobs.create_many(batch)
    assert [job.target.url for job in made] == [job["url"] for job in batch]
    assert (await client.jobs.get(made[2].id)).target.body == 2
    with pytest.raises(noonmark.ValidationFailed) as refused:
        await client.jobs.create_many([*batch, {"url": "ftp://example.com"}])
    assert [fault.pointer for fault in refused.value.errors] == ["/jobs/3/target/url"]
    assert len([job async for job in client.jobs.list()]) == 3


async def test_faults_are_listed(client: noonmark.AsyncClient) -> None:
    with pytest.raises(noonmark.ValidationFailed) as refused:
        await client.jobs.create("ftp://example.com", timeout_seconds=0)
    assert {fault.pointer for fault in refused.value.errors} == {"/target/url", "/timeout_seconds"}
    assert refused.value.request_id


async def test_a_job_is_edited_and_cancelled(client: noonmark.AsyncClient) -> None:
    job = await client.jobs.create(HOOK, delay=LATER)
    edited = await client.jobs.edit(job.id, delay=timedelta(hours=3), priority=1)
    assert edited.priority == 1
    assert edited.fire_at > job.fire_at + LATER
    assert (await client.jobs.cancel(job.id)).state is State.CANCELLED
    with pytest.raises(noonmark.Conflict) as refused:
        await client.jobs.cancel(job.id)
    assert refused.value.code == "job_finished"


async def test_attempts_events_and_the_end_are_read(client: noonmark.AsyncClient, database: Database) -> None:
    job = await client.jobs.create(HOOK)
    await settle(database, await claim(database), status=200)
    [attempt] = await client.jobs.attempts(job.id)
    assert attempt.outcome is Ended.SUCCEEDED
    kinds = [event.kind async for event in client.jobs.events(job.id, limit=1)]
    assert kinds[0] == "created"
    assert kinds[-1] == "succeeded"
    assert (await client.jobs.wait(job.id)).state is State.SUCCEEDED


async def test_jobs_are_listed_over_pages_and_by_filter(client: noonmark.AsyncClient) -> None:
    teams = ["a", "b", "a", "a"]
    made = [await client.jobs.create(HOOK, delay=LATER, labels={"team": team}) for team in teams]
    listed = [job.id async for job in client.jobs.list(limit=1, labels={"team": "a"}, state="scheduled")]
    assert listed == [job.id for job in reversed(made) if job.labels["team"] == "a"]
    none = client.jobs.list(state=[State.FAILED, State.RUNNING], created_before=made[0].created_at)
    assert [job async for job in none] == []


async def test_a_finished_job_is_replayed(client: noonmark.AsyncClient) -> None:
    job = await client.jobs.create(HOOK, delay=LATER)
    await client.jobs.cancel(job.id)
    again = await client.jobs.replay(job.id, delay=LATER, retry={"max_attempts": 2})
    assert (again.replay_of, again.retry.max_attempts) == (job.id, 2)


async def test_a_dead_letter_is_read_and_replayed_once(
    client: noonmark.AsyncClient, database: Database
) -> None:
    job_id = await bury(client, database)
    [listed] = [letter async for letter in client.dead_letters.list()]
    letter = await client.dead_letters.get(job_id)
    assert letter.id == listed.id == job_id
    assert letter.last_error is not None
    assert letter.last_error.code == "http_400"
    again = await client.dead_letters.replay(job_id, delay=LATER)
    with pytest.raises(noonmark.Conflict):
        await client.dead_letters.replay(job_id)
    assert (await client.dead_letters.get(job_id)).replayed_as == again.id


async def test_what_fits_a_filter_is_cancelled_replayed_and_purged(
    client: noonmark.AsyncClient, database: Database
) -> None:
    for team in ("a", "b", "a"):
        await client.jobs.create(HOOK, delay=LATER, labels={"team": team})
    done = await client.jobs.cancel_all(labels={"team": "a"}, state=["scheduled", "queued"])
    assert (done.matched, done.cancelled, done.more) == (2, 2, False)
    assert (await client.jobs.cancel_all(everything=True, dry_run=True)).matched == 1
    await bury(client, database)
    assert [letter async for letter in client.dead_letters.list(error_code="timeout")] == []
    assert (await client.dead_letters.replay_all(error_code="http_400", per_second=100)).replayed == 1
    assert (await client.dead_letters.replay_all(everything=True)).replayed == 0
    assert (await client.dead_letters.purge(older_than=3600)).purged == 0
    assert (await client.dead_letters.purge(everything=True)).purged == 1


async def test_a_token_of_a_program_works_until_it_is_revoked(client: noonmark.AsyncClient, url: str) -> None:
    made = await client.tokens.create("ci", scopes=["jobs:read"])
    assert made.id in [token.id async for token in client.tokens.list()]
    async with noonmark.AsyncClient(url, made.token) as program:
        who = await program.me()
        assert (who.user, who.scopes) == (None, ("jobs:read",))
        with pytest.raises(noonmark.Forbidden):
            await program.jobs.create(HOOK)
        await client.tokens.revoke(made.id)
        with pytest.raises(noonmark.Unauthenticated):
            await program.me()


async def test_a_rotated_secret_signs_beside_the_old_one(client: noonmark.AsyncClient) -> None:
    [old] = await client.signing_secrets.list()
    new, kept = await client.signing_secrets.rotate(overlap=LATER)
    assert (new.expires_at, kept.id) == (None, old.id)
    assert kept.expires_at is not None


async def test_the_blocking_client_says_the_same(url: str, token: str) -> None:
    def work() -> list[UUID]:
        with noonmark.Client(url, token) as client:
            made = client.jobs.create(HOOK, delay=60)
            assert client.jobs.get(made.id) == made
            return [job.id for job in client.jobs.list()]

    assert len(await asyncio.to_thread(work)) == 1
