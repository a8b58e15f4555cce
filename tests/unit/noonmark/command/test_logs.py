"""`jobctl logs`."""

import json

import respx

from tests.unit.noonmark.answers import ID, line, page, problem
from tests.unit.noonmark.command.conftest import Jobctl
from tests.unit.noonmark.test_logs import END, event


def test_lines_go_to_where_the_job_printed_them(jobctl: Jobctl, server: respx.MockRouter) -> None:
    told = page(line(1, "out"), line(2, "err", stream="stderr"), line(3, "long, ", mark="cut"), line(4, "on"))
    route = server.get(f"/v1/jobs/{ID}/logs").respond(json=told)
    result = jobctl("logs", ID, "--attempt", "2")
    assert (result.stdout, result.stderr, result.exit_code) == ("out\nlong, on\n", "err\n", 0)
    assert route.calls.last.request.url.params["attempt"] == "2"


def test_following_prints_and_exits_with_the_end_of_the_job(jobctl: Jobctl, server: respx.MockRouter) -> None:
    server.get(f"/v1/jobs/{ID}/logs/stream").respond(content=event(line(1, "live")) + END)
    result = jobctl("logs", "-f", ID)
    assert (result.stdout, result.exit_code) == ("live\n", 0)


def test_lines_for_programs_are_documents(jobctl: Jobctl, server: respx.MockRouter) -> None:
    server.get(f"/v1/jobs/{ID}/logs").respond(json=page(line(1, "a"), line(2, "b", stream="stderr")))
    result = jobctl("logs", ID, "-o", "json")
    assert [json.loads(each)["text"] for each in result.stdout.splitlines()] == ["a", "b"]


def test_a_job_that_is_not_there_exits_3(jobctl: Jobctl, server: respx.MockRouter) -> None:
    server.get(f"/v1/jobs/{ID}/logs").mock(return_value=problem(404, "not_found"))
    assert jobctl("logs", ID).exit_code == 3
