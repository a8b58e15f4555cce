"""The rest of jobctl: dead letters, tokens, secrets, doctor, completion, and how text is written."""

import json
from email.utils import formatdate
from pathlib import Path

import httpx
import pytest
import respx
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from noonmark.command import configuration, table
from noonmark.command.configuration import Credentials
from noonmark.command.main import program
from noonmark.command.table import Column
from noonmark.version import VERSION
from tests.unit.noonmark.answers import ID, NOON, OTHER, URL, event, job, letter, page, problem, queue
from tests.unit.noonmark.command.conftest import Jobctl

TOKEN = {"id": ID, "name": "ci", "prefix": "nm_4fQ0aZ9x", "scopes": ["jobs:read"], "created_at": NOON}
ME = {"user": None, "tenant": {"id": OTHER, "name": "mine"}, "scopes": ["jobs:read"]}


def test_dead_letters_are_a_table(jobctl: Jobctl, server: respx.MockRouter) -> None:
    server.get("/v1/dlq").respond(json=page(letter()))
    line = jobctl("dlq", "list").stdout.splitlines()[1]
    assert line.startswith(ID)
    assert "http_status" in line


def test_a_dead_letter_is_shown(jobctl: Jobctl, server: respx.MockRouter) -> None:
    server.get(f"/v1/dlq/{ID}").respond(json=letter())
    assert "last error  http_status: answered 500" in jobctl("dlq", "get", ID).stdout


@pytest.mark.parametrize("verb", ["replay", "retry"])
def test_a_dead_letter_is_replayed(jobctl: Jobctl, server: respx.MockRouter, verb: str) -> None:
    server.post(f"/v1/dlq/{ID}/replay").respond(201, json=job(id=OTHER, replay_of=ID))
    assert jobctl("dlq", verb, ID, "-o", "id").stdout == f"{OTHER}\n"


@pytest.mark.parametrize(
    ("command", "path"),
    [
        (("jobs", "cancel-all"), "/v1/jobs:cancel"),
        (("dlq", "replay-all"), "/v1/dlq:replay"),
        (("dlq", "purge"), "/v1/dlq:purge"),
    ],
)
def test_what_is_done_to_many_is_confirmed_and_counted(
    jobctl: Jobctl, server: respx.MockRouter, command: tuple[str, str], path: str
) -> None:
    route = server.post(path).respond(json={"matched": 3, "more": False})
    assert jobctl(*command, "--yes").exit_code == 2
    assert jobctl(*command, "--all", "--queue", "mail", "--yes").exit_code == 2
    assert "add --yes" in jobctl(*command, "--queue", "mail").stderr
    assert not route.called
    lines = jobctl(*command, "--queue", "mail", "--yes").stdout.splitlines()
    assert lines[0].split() == ["matched", "3"]
    assert json.loads(route.calls.last.request.content) == {"queue": "mail"}
    assert jobctl(*command, "--all", "--dry-run").exit_code == 0
    assert json.loads(route.calls.last.request.content) == {"all": True, "dry_run": True}


def test_what_was_done_to_many_is_one_document(jobctl: Jobctl, server: respx.MockRouter) -> None:
    parts = [{"matched": 5, "purged": 4, "more": True}, {"matched": 2, "purged": 2, "more": False}]
    route = server.post("/v1/dlq:purge").mock(side_effect=[httpx.Response(200, json=part) for part in parts])
    result = jobctl("dlq", "purge", "--older-than", "30d", "--yes", "-o", "json")
    assert json.loads(result.stdout) == {"matched": 7, "purged": 6, "more": False}
    assert json.loads(route.calls.last.request.content) == {"older_than_seconds": 2592000}


def test_a_list_in_an_event_is_written_as_people_write_one(jobctl: Jobctl, server: respx.MockRouter) -> None:
    data = {"changed": ["labels", "target.method"], "bulk": True}
    server.get(f"/v1/jobs/{ID}/events").respond(json=page(event("edited", data=data)))
    assert jobctl("jobs", "story", ID).stdout.endswith("  edited  changed=labels,target.method bulk=yes\n")


def test_a_server_that_does_not_answer_is_named_before_it_is_tried_again(
    jobctl: Jobctl, server: respx.MockRouter
) -> None:
    lost = httpx.ConnectError("refused")
    server.get(f"/v1/jobs/{ID}").mock(side_effect=[lost, lost, httpx.Response(200, json=job())])
    result = jobctl("status", ID, "-o", "id")
    assert (result.exit_code, result.stdout) == (0, f"{ID}\n")
    assert result.stderr == f"jobctl: {URL}: refused; trying again for up to 20 s\n"


def test_yes_and_no_are_words(jobctl: Jobctl, server: respx.MockRouter) -> None:
    server.post("/v1/dlq:purge").respond(json={"matched": 3, "more": False})
    shown = dict(line.split() for line in jobctl("dlq", "purge", "--all", "--yes").stdout.splitlines())
    assert shown["more"] == "no"


def test_a_new_token_is_shown_first(jobctl: Jobctl, server: respx.MockRouter) -> None:
    route = server.post("/v1/tokens").respond(201, json=TOKEN | {"token": "nm_secret"})
    result = jobctl("tokens", "create", "ci", "--scope", "jobs:read", "--expires-in", "30d")
    assert result.stdout.startswith("token  nm_secret\n")
    body = json.loads(route.calls.last.request.content)
    assert body["scopes"] == ["jobs:read"]
    assert body["expires_at"] is not None


def test_tokens_are_listed_and_revoked(jobctl: Jobctl, server: respx.MockRouter) -> None:
    server.get("/v1/tokens").respond(json=page(TOKEN))
    revoked = server.delete(f"/v1/tokens/{ID}").respond(204)
    assert "nm_4fQ0aZ9x" in jobctl("tokens", "list").stdout
    assert jobctl("tokens", "revoke", ID).stderr == f"{ID} is revoked\n"
    assert revoked.called


def test_signing_secrets_are_listed(jobctl: Jobctl, server: respx.MockRouter) -> None:
    secret = {"id": ID, "secret": "whsec_c2VjcmV0", "created_at": NOON, "expires_at": None}
    server.get("/v1/signing-secrets").respond(json=page(secret))
    assert "replaced" in jobctl("secrets", "list").stdout
    assert jobctl("secrets", "list", "-o", "id").stdout == f"{ID}\n"


def test_the_signing_secret_is_rotated(jobctl: Jobctl, server: respx.MockRouter) -> None:
    secret = {"id": ID, "secret": "whsec_eA==", "created_at": NOON, "expires_at": None}
    route = server.post("/v1/signing-secrets/rotate").respond(201, json=page(secret))
    assert "whsec_eA==" in jobctl("secrets", "rotate", "--overlap", "2h").stdout
    assert json.loads(route.calls.last.request.content) == {"overlap_seconds": 7200}


@pytest.fixture
def healthy(server: respx.MockRouter) -> respx.MockRouter:
    server.get("/healthz").respond(json={"status": "ok"}, headers={"Date": formatdate(usegmt=True)})
    server.get("/readyz").respond(json={"status": "ok"})
    server.get("/v1/me").respond(json=ME)
    return server


def test_a_doctor_that_finds_nothing_exits_0(jobctl: Jobctl, healthy: respx.MockRouter) -> None:
    result = jobctl("doctor")
    assert (result.exit_code, "failing" in result.stdout) == (0, False)
    assert f"noonmark {VERSION}" in result.stdout
    assert "of mine (from NOONMARK_TOKEN)" in result.stdout


def test_a_doctor_names_what_is_wrong(jobctl: Jobctl, healthy: respx.MockRouter) -> None:
    configuration.store(Credentials(url=URL, token="nm_t"))
    configuration.path().chmod(0o644)
    long_ago = formatdate(0, usegmt=True)
    healthy.get("/healthz").respond(json={"status": "ok"}, headers={"Date": long_ago})
    healthy.get("/readyz").mock(return_value=problem(503, "unavailable"))
    healthy.get("/v1/me").mock(return_value=problem(401, "unauthenticated"))
    result = jobctl("doctor", "-o", "json")
    wrong = [item["check"] for item in json.loads(result.stdout)["items"] if item["result"] != "fine"]
    assert (result.exit_code, wrong) == (1, ["credentials", "clock", "ready", "token"])


def test_a_doctor_of_an_operator_asks_the_server_too(jobctl: Jobctl, healthy: respx.MockRouter) -> None:
    findings = [
        {"name": "clock_skew_seconds", "verdict": "fine", "value": 0.25, "trouble": None},
        {
            "name": "partitions",
            "verdict": "failing",
            "value": None,
            "trouble": "none is ahead",
            "advice": "start a reaper",
        },
    ]
    healthy.get("/v1/me").respond(json=ME | {"scopes": ["admin"]})
    healthy.get("/v1/doctor").respond(json={"verdict": "failing", "findings": findings})
    result = jobctl("doctor")
    assert result.exit_code == 1
    lines = [line.split(maxsplit=2) for line in result.stdout.splitlines()]
    assert lines[-2:] == [
        ["clock_skew_seconds", "fine", "0.25"],
        ["partitions", "failing", "none is ahead; start a reaper"],
    ]


def test_a_doctor_is_content_with_a_server_that_has_none(jobctl: Jobctl, healthy: respx.MockRouter) -> None:
    healthy.get("/v1/me").respond(json=ME | {"scopes": ["admin"]})
    healthy.get("/v1/doctor").mock(return_value=problem(404, "not_found"))
    assert jobctl("doctor").exit_code == 0


def test_a_doctor_whom_nobody_answers_stops_there(jobctl: Jobctl, server: respx.MockRouter) -> None:
    server.get("/healthz").mock(side_effect=httpx.ConnectError("refused"))
    result = jobctl("doctor")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1].split()[:2] == ["server", "failing"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(anybody: Jobctl, shell: str) -> None:
    assert "_JOBCTL_COMPLETE" in anybody("completion", shell).stdout


def completed(*words: str) -> list[str]:
    """What Tab offers after these words."""
    shell = ShellComplete(program, {}, "jobctl", "_JOBCTL_COMPLETE")
    return [item.value for item in shell.get_completions(list(words[:-1]), words[-1])]


def test_commands_are_completed() -> None:
    assert completed("jobs", "ca") == ["cancel", "cancel-all"]


def test_queues_are_completed_by_name(jobctl: Jobctl, server: respx.MockRouter) -> None:
    server.get("/v1/queues").respond(json=page(queue(name="mail"), queue(id=OTHER)))
    assert completed("jobs", "list", "--queue", "m") == ["mail"]


def test_recent_jobs_are_completed_by_id(jobctl: Jobctl, server: respx.MockRouter) -> None:
    server.get("/v1/jobs").respond(json=page(job(), job(id=OTHER)))
    assert completed("status", ID[:8]) == [ID, OTHER]


def test_dead_letters_are_completed_by_id(jobctl: Jobctl, server: respx.MockRouter) -> None:
    server.get("/v1/dlq").respond(json=page(letter()))
    assert completed("dlq", "replay", ID[:8]) == [ID]


@pytest.mark.parametrize("failure", [httpx.ReadTimeout("slow"), problem(503, "unavailable")], ids=repr)
def test_a_completion_that_fails_offers_nothing_and_asks_once(
    jobctl: Jobctl, server: respx.MockRouter, failure: httpx.Response | Exception
) -> None:
    route = server.get("/v1/jobs").mock(side_effect=[failure])
    assert completed("status", ID[:8]) == []
    assert route.call_count == 1


def test_a_completion_without_a_readable_file_offers_nothing(home: Path) -> None:
    configuration.store(Credentials(url=URL, token="t"))
    configuration.path().write_text("?")
    assert completed("status", ID[:8]) == []


def test_what_a_stranger_wrote_cannot_steer_the_terminal() -> None:
    assert table.clean("a\x1b[2J\nb") == "a·[2J·b"


def test_a_table_is_cut_to_the_terminal() -> None:
    columns: list[Column[str]] = [Column("one", lambda item: item), Column("two", lambda item: item)]
    assert table.rows(columns, ["abcdef"], width=10) == "ONE     T…\nabcdef  a…"


def test_an_empty_table_has_its_head() -> None:
    columns: list[Column[str]] = [Column("one", lambda item: item)]
    assert table.rows(columns, []) == "ONE"


def test_states_are_coloured_only_where_that_is_wanted(
    server: respx.MockRouter, jobctl: Jobctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.get(f"/v1/jobs/{ID}").respond(json=job(state="failed"))
    coloured = CliRunner().invoke(program, ["status", ID], color=True).stdout
    assert "\x1b[31mfailed\x1b[0m" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in CliRunner().invoke(program, ["status", ID], color=True).stdout
