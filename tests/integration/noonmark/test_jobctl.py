"""jobctl against the API as it is, as somebody at a terminal would use it."""

import json
from pathlib import Path

from core.db import Database
from core.jobs.model import Outcome
from tests.integration.app.jobs.orders import claim, settle
from tests.integration.noonmark.conftest import Jobctl

HOOK = "http://127.0.0.1:9/hook"


async def test_a_newcomer_signs_in_makes_a_job_and_leaves(anybody: Jobctl, tmp_path: Path) -> None:
    signed_in = await anybody("login", "--email", "new@example.com", "--dev")
    assert signed_in.exit_code == 0, signed_in.stderr
    made = await anybody("submit", HOOK, "-d", '{"any": "json"}', "--in", "1h", "-o", "id")
    assert (await anybody("status", made.stdout.strip())).stdout.splitlines()[1].split() == [
        "state",
        "scheduled",
    ]
    looked = {line.split()[0]: line.split()[1] for line in (await anybody("doctor")).stdout.splitlines()}
    assert [looked[check] for check in ("server", "ready", "token", "clock_skew_seconds")] == ["fine"] * 4
    assert "is revoked" in (await anybody("logout")).stderr
    assert (await anybody("status", made.stdout.strip())).exit_code == 4
    assert not (tmp_path / "noonmark" / "credentials.json").exists()


async def test_jobs_are_listed_edited_and_cancelled(jobctl: Jobctl) -> None:
    made = [(await jobctl("submit", HOOK, "--in", "1h", "-o", "id")).stdout.strip() for _ in range(3)]
    listed = await jobctl("jobs", "list", "--limit", "2", "--all", "-o", "id")
    assert listed.stdout.split() == made[::-1]
    page = json.loads((await jobctl("jobs", "list", "--limit", "2", "-o", "json")).stdout)
    assert len(page["items"]) == 2
    assert page["next_cursor"] is not None
    edited = await jobctl("jobs", "edit", made[0], "--priority", "high", "-o", "json")
    assert json.loads(edited.stdout)["priority"] == 75
    assert (await jobctl("jobs", "cancel", *made)).stdout == "".join(f"{one}  cancelled\n" for one in made)
    assert (await jobctl("jobs", "cancel", made[0])).exit_code == 5
    rest = await jobctl("jobs", "list", "--state", "cancelled", "--url-contains", "hook", "-o", "id")
    assert rest.stdout.split() == made[::-1]


async def test_a_failed_job_is_found_understood_and_replayed(jobctl: Jobctl, database: Database) -> None:
    job = (await jobctl("submit", HOOK, "-o", "id")).stdout.strip()
    error = {"error_code": "http_400", "error_message": "The target answered 400."}
    await settle(database, await claim(database), Outcome.FAILED, status=400, **error)
    assert (await jobctl("dlq", "list", "-o", "id")).stdout == f"{job}\n"
    assert "http_400: The target answered 400." in (await jobctl("dlq", "get", job)).stdout
    assert "failed" in (await jobctl("jobs", "attempts", job)).stdout
    told = await jobctl("jobs", "story", job)
    story = [line.split("  ")[1].split()[0] for line in told.stdout.splitlines()]
    assert story == ["created", "queued", "started", "failed", "dead_lettered"]
    again = await jobctl("dlq", "retry", job, "--max-attempts", "5", "--in", "1h", "-o", "json")
    assert json.loads(again.stdout)["replay_of"] == job
    assert (await jobctl("dlq", "retry", job)).exit_code == 5


async def test_tokens_and_secrets_are_managed(jobctl: Jobctl) -> None:
    made = json.loads((await jobctl("tokens", "create", "ci", "-o", "json")).stdout)
    assert made["id"] in (await jobctl("tokens", "list")).stdout
    assert (await jobctl("secrets", "rotate", "-o", "id")).stdout.count("\n") == 2
    assert (await jobctl("secrets", "list", "--token", made["token"])).exit_code == 4
    assert (await jobctl("tokens", "revoke", made["id"])).exit_code == 0


async def test_what_the_api_refuses_is_said_with_its_request(jobctl: Jobctl) -> None:
    refused = await jobctl("submit", "ftp://example.com", "--success", "abc")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith("jobctl: 422 validation_failed (request ")
    assert "  /target/url: " in refused.stderr
    assert "  /success/status/0: " in refused.stderr


async def test_definitions_are_made_run_and_deleted(jobctl: Jobctl) -> None:
    target = json.dumps({"url": HOOK})
    schema = '{"required": ["n"]}'
    made = await jobctl(
        "definitions", "create", "hook@2", "--target", target, "--limit", "3", "--params-schema", schema
    )
    assert made.exit_code == 0, made.stderr
    assert "hook@2" in (await jobctl("definitions", "list")).stdout
    changed = await jobctl("definitions", "update", "hook", "--limit", "none", "--timeout", "9", "-o", "json")
    shown = json.loads(changed.stdout)
    assert (shown["concurrency_limit"], shown["timeout_seconds"]) == (None, 9)
    assert '{"required":["n"]}' in (await jobctl("definitions", "show", "hook")).stdout
    refused = await jobctl("definitions", "run", "hook", "-p", "{}")
    assert (refused.exit_code, "/params/n" in refused.stderr) == (1, True)
    ran = await jobctl("definitions", "run", "hook", "-p", '{"n": 1}', "--in", "1h", "-o", "json")
    job = json.loads(ran.stdout)
    assert (job["definition"], job["state"], job["timeout_seconds"]) == ("hook@2", "scheduled", 9)
    assert (await jobctl("definitions", "delete", "hook@2")).exit_code == 0
    assert (await jobctl("definitions", "show", "hook")).exit_code == 3
