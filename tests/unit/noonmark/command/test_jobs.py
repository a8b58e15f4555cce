"""`jobctl jobs …` and the shortcuts: what is asked, what is written where, and how it exits."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import respx

from tests.unit.noonmark.answers import ID, OTHER, attempt, event, job, page, problem
from tests.unit.noonmark.command.conftest import Jobctl

HOOK = "https://example.com/hook"


def sent(route: respx.Route) -> Any:
    return json.loads(route.calls.last.request.content)


@pytest.mark.parametrize("command", [("jobs", "create"), ("submit",)])
def test_a_job_is_created_and_shown(
    jobctl: Jobctl, server: respx.MockRouter, command: tuple[str, ...]
) -> None:
    route = server.post("/v1/jobs").respond(201, json=job())
    result = jobctl(*command, HOOK, "-d", '{"any": "json"}', "--in", "1m30s", "--label", "team=billing")
    assert result.exit_code == 0
    assert f"id            {ID}\nstate         scheduled\n" in result.stdout
    assert sent(route) == {
        "target": {"url": HOOK, "body": {"any": "json"}},
        "delay_seconds": 90.0,
        "labels": {"team": "billing"},
    }


def test_every_option_of_a_job_can_be_typed(jobctl: Jobctl, server: respx.MockRouter, tmp_path: Path) -> None:
    route = server.post("/v1/jobs").respond(201, json=job())
    (tmp_path / "body").write_bytes(b"\x00\x01")
    result = jobctl(
        *("submit", HOOK, "-X", "PUT", "-H", "X-Team: billing", "--secret-header", "X-Team"),
        *("--file", str(tmp_path / "body"), "--at", "2027-01-01T09:00:00+01:00", "--queue", "mail"),
        *("--priority", "75", "--timeout", "60", "--expires-at", "2027-01-02T09:00:00Z"),
        *("--success", "2xx", "--success", "404", "--max-attempts", "1", "--key", "k1"),
    )
    assert result.exit_code == 0, result.output
    body = sent(route)
    assert body.pop("fire_at").startswith("2027-01-01T")
    assert body.pop("expires_at").startswith("2027-01-02T")
    assert body == {
        "target": {
            "url": HOOK,
            "method": "PUT",
            "headers": {"X-Team": "billing"},
            "secret_headers": ["X-Team"],
            "body_base64": "AAE=",
        },
        "queue": "mail",
        "priority": 75,
        "timeout_seconds": 60,
        "success": {"status": ["2xx", "404"]},
        "retry": {"max_attempts": 1},
    }
    assert route.calls.last.request.headers["idempotency-key"] == "k1"


@pytest.mark.parametrize(
    ("typed", "rule"),
    [
        (["--unique"], {}),
        (["--unique-key", "k"], {"key": "k"}),
        (["--unique", "--on-conflict", "replace"], {"on_conflict": "replace"}),
        (["--unique-key", "k", "--unique-window", "5m"], {"key": "k", "window_seconds": 300}),
    ],
)
def test_a_job_can_be_made_unique(
    jobctl: Jobctl, server: respx.MockRouter, typed: list[str], rule: dict[str, Any]
) -> None:
    route = server.post("/v1/jobs").respond(201, json=job())
    assert jobctl("jobs", "create", HOOK, *typed).exit_code == 0
    assert sent(route)["unique"] == rule


def test_a_body_keeps_the_digits_that_were_typed(jobctl: Jobctl, server: respx.MockRouter) -> None:
    route = server.post("/v1/jobs").respond(201, json=job())
    jobctl("submit", HOOK, "-d", "@-", "-o", "id", typed='{"n": 1.10000000000000000001}')
    assert b"1.10000000000000000001" in route.calls.last.request.content


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["--in", "soon"], "is no duration"),
        (["--at", "noon"], "is no time"),
        (["--at", "2027-01-01T09:00:00Z", "--in", "5s"], "not both"),
        (["-d", "{"], "is no JSON"),
        (["-d", "1", "--text", "x"], "one of --data, --text and --file"),
        (["-H", "novalue"], "is not NAME:VALUE"),
        (["--file", "nowhere/to/be/found"], "cannot be read"),
        (["--timeout", "0"], "not in the range"),
    ],
)
def test_a_typing_mistake_is_named_and_nothing_is_sent(
    jobctl: Jobctl, server: respx.MockRouter, typed: list[str], said: str
) -> None:
    result = jobctl("submit", HOOK, *typed)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not server.calls


def test_json_is_the_answer_byte_for_byte(jobctl: Jobctl, server: respx.MockRouter) -> None:
    answer = b'{"new_field": 1.50,  ' + json.dumps(job()).encode()[1:]
    server.get(f"/v1/jobs/{ID}").respond(content=answer)
    assert jobctl("status", ID, "-o", "json").stdout_bytes == answer + b"\n"


def test_ids_alone_are_for_pipes(jobctl: Jobctl, server: respx.MockRouter) -> None:
    server.get("/v1/jobs").respond(json=page(job(), job(id=OTHER)))
    assert jobctl("jobs", "list", "-o", "id").stdout == f"{ID}\n{OTHER}\n"


def test_options_may_stand_before_the_command_and_the_last_one_counts(
    jobctl: Jobctl, server: respx.MockRouter
) -> None:
    server.get(f"/v1/jobs/{ID}").respond(json=job())
    assert jobctl("-o", "id", "status", ID).stdout == f"{ID}\n"
    assert jobctl("-o", "json", "status", ID, "-o", "id").stdout == f"{ID}\n"


def test_a_list_is_a_page_and_says_how_to_go_on(jobctl: Jobctl, server: respx.MockRouter) -> None:
    route = server.get("/v1/jobs").respond(json=page(job(), after="c1"))
    result = jobctl("jobs", "list", "--state", "queued", "--state", "running", "--label", "a=b")
    assert result.stdout.splitlines()[0].split() == ["ID", "STATE", "FIRES", "ATTEMPTS", "QUEUE", "TARGET"]
    assert result.stderr == "There is more: --cursor c1, or --all.\n"
    assert route.calls.last.request.url.params.multi_items() == [
        ("state", "queued"),
        ("state", "running"),
        ("label", "a=b"),
    ]


def test_all_pages_are_one_document(jobctl: Jobctl, server: respx.MockRouter) -> None:
    server.get("/v1/jobs", params={"cursor": "c1"}).respond(json=page(job(id=OTHER) | {"new": 1}))
    server.get("/v1/jobs").respond(json=page(job(), after="c1"))
    document = json.loads(jobctl("jobs", "list", "--all", "-o", "json").stdout)
    assert [item["id"] for item in document["items"]] == [ID, OTHER]
    assert document["items"][1]["new"] == 1
    assert document["next_cursor"] is None


def test_several_jobs_are_cancelled(jobctl: Jobctl, server: respx.MockRouter) -> None:
    for name in (ID, OTHER):
        server.post(f"/v1/jobs/{name}/cancel").respond(json=job(id=name, state="cancelled"))
    result = jobctl("jobs", "cancel", ID, OTHER)
    assert result.stdout == f"{ID}  cancelled\n{OTHER}  cancelled\n"


def test_a_waiting_job_is_edited(jobctl: Jobctl, server: respx.MockRouter) -> None:
    route = server.patch(f"/v1/jobs/{ID}").respond(json=job())
    assert jobctl("jobs", "edit", ID, "--priority", "high").exit_code == 0
    assert sent(route) == {"priority": "high"}


def test_an_edit_sets_and_takes_away(jobctl: Jobctl, server: respx.MockRouter) -> None:
    route = server.patch(f"/v1/jobs/{ID}").respond(json=job())
    typed = (
        "--to https://example.com/2 -H X-A:1 --no-header X-B --no-body --label a=1 --no-label b --no-expiry"
    )
    assert jobctl("jobs", "edit", ID, *typed.split()).exit_code == 0
    assert sent(route) == {
        "target": {"url": "https://example.com/2", "headers": {"X-A": "1", "X-B": None}, "body": None},
        "labels": {"a": "1", "b": None},
        "expires_at": None,
    }


@pytest.mark.parametrize(
    "typed", ["-d 1 --no-body", "--expires-at 2099-01-01 --no-expiry", "--at 2099-01-01 --in 5m"]
)
def test_an_edit_does_not_do_two_things_to_one(jobctl: Jobctl, typed: str) -> None:
    assert jobctl("jobs", "edit", ID, *typed.split()).exit_code == 2


def test_an_edit_has_to_change_something(jobctl: Jobctl) -> None:
    assert jobctl("jobs", "edit", ID).exit_code == 2


def test_a_job_is_replayed(jobctl: Jobctl, server: respx.MockRouter) -> None:
    route = server.post(f"/v1/jobs/{ID}/replay").respond(201, json=job(id=OTHER, replay_of=ID))
    result = jobctl("jobs", "replay", ID, "--max-attempts", "2")
    assert f"replay of     {ID}" in result.stdout
    assert sent(route) == {"retry": {"max_attempts": 2}}


def test_attempts_are_a_table(jobctl: Jobctl, server: respx.MockRouter) -> None:
    server.get(f"/v1/jobs/{ID}/attempts").respond(json=page(attempt()))
    line = jobctl("jobs", "attempts", ID).stdout.splitlines()[1]
    assert line.startswith("1       failed   ")
    assert line.endswith("  12 ms  500     http_status: answered 500")


def test_events_are_a_table(jobctl: Jobctl, server: respx.MockRouter) -> None:
    server.get(f"/v1/jobs/{ID}/events").respond(json=page(event("failed", attempt=1, data={"status": 500})))
    assert jobctl("jobs", "events", ID).stdout.splitlines()[1].endswith("failed  1        status=500")


def test_a_job_is_made_waited_for_and_succeeds(jobctl: Jobctl, server: respx.MockRouter) -> None:
    server.post("/v1/jobs").respond(201, json=job())
    answer = {"status": 200, "headers": {}, "body": "thanks", "truncated": False}
    states = [job(state="running"), job(state="succeeded", result=answer)]
    server.get(f"/v1/jobs/{ID}").mock(side_effect=[httpx.Response(200, json=one) for one in states])
    result = jobctl("call", HOOK)
    assert result.exit_code == 0
    assert "answer        200 thanks" in result.stdout
    assert result.stderr == f"{ID} is made; waiting\n"


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_wait_for_a_job_that_does_not_succeed_exits_6(
    jobctl: Jobctl, server: respx.MockRouter, state: str
) -> None:
    server.post("/v1/jobs").respond(201, json=job())
    server.get(f"/v1/jobs/{ID}").respond(json=job(state=state))
    result = jobctl("submit", HOOK, "--wait", "-o", "id")
    assert (result.exit_code, result.stdout) == (6, f"{ID}\n")


def test_a_wait_that_is_too_long_exits_6(jobctl: Jobctl, server: respx.MockRouter) -> None:
    server.post("/v1/jobs").respond(201, json=job())
    server.get(f"/v1/jobs/{ID}").respond(json=job(state="running"))
    result = jobctl("call", HOOK, "--for", "2s")
    assert result.exit_code == 6
    assert "is running after 2 s" in result.stderr


def test_a_story_is_told_once_until_the_job_is_over(jobctl: Jobctl, server: respx.MockRouter) -> None:
    states = [job(state="running"), job(state="succeeded")]
    told = [page(event("created", id=ID)), page(event("created", id=ID), event("succeeded", attempt=1))]
    server.get(f"/v1/jobs/{ID}").mock(side_effect=[httpx.Response(200, json=one) for one in states])
    server.get(f"/v1/jobs/{ID}/events").mock(side_effect=[httpx.Response(200, json=one) for one in told])
    lines = jobctl("jobs", "story", "-f", ID).stdout.splitlines()
    assert [line.split("  ")[1] for line in lines] == ["created", "succeeded (attempt 1)"]


@pytest.mark.parametrize(
    ("status", "code", "exits"),
    [
        (404, "not_found", 3),
        (401, "unauthenticated", 4),
        (403, "insufficient_scope", 4),
        (409, "job_finished", 5),
        (422, "validation_failed", 1),
        (500, "internal_error", 1),
    ],
)
def test_a_refusal_goes_to_stderr_with_code_and_request_id(
    jobctl: Jobctl, server: respx.MockRouter, status: int, code: str, exits: int
) -> None:
    server.get(f"/v1/jobs/{ID}").mock(return_value=problem(status, code))
    result = jobctl("status", ID)
    assert (result.exit_code, result.stdout) == (exits, "")
    assert result.stderr.startswith(f"jobctl: {status} {code}: It is {code}. (request req-1)\n")


def test_each_fault_has_a_line(jobctl: Jobctl, server: respx.MockRouter) -> None:
    faults = [{"code": "x", "message": "is wrong", "pointer": f"/{name}"} for name in ("one", "two")]
    server.post("/v1/jobs").mock(return_value=problem(422, "validation_failed", errors=faults))
    assert jobctl("submit", HOOK).stderr == (
        "jobctl: 422 validation_failed (request req-1)\n  /one: is wrong\n  /two: is wrong\n"
    )


def test_no_server_is_a_failure_that_names_it(jobctl: Jobctl, server: respx.MockRouter) -> None:
    server.get(f"/v1/jobs/{ID}").mock(side_effect=httpx.UnsupportedProtocol("no"))
    result = jobctl("status", ID)
    assert result.exit_code == 1
    assert "http://noonmark.test" in result.stderr


def test_a_key_of_its_own_is_made_for_each_submission(jobctl: Jobctl, server: respx.MockRouter) -> None:
    route = server.post("/v1/jobs").respond(201, json=job())
    jobctl("submit", HOOK)
    assert UUID(route.calls.last.request.headers["idempotency-key"])
