"""`jobctl queues`."""

import json

import pytest
import respx

from tests.unit.noonmark.answers import page, queue
from tests.unit.noonmark.command.conftest import Jobctl

LIMITED = queue(name="imports", max_concurrency=4, rate={"count": 100, "period_seconds": 60, "burst": 1})


def test_queues_are_shown_with_their_limits(jobctl: Jobctl, server: respx.MockRouter) -> None:
    server.get("/v1/queues").respond(json=page(LIMITED))
    assert "100 in 60 s, 1 at once" in jobctl("queues", "list").output


def test_a_queue_is_made(jobctl: Jobctl, server: respx.MockRouter) -> None:
    route = server.post("/v1/queues").respond(201, json=LIMITED)
    typed = ("--rate", "100/1m", "--burst", "2", "--max-concurrency", "4", "--timeout", "9")
    assert jobctl("queues", "create", "imports", *typed).exit_code == 0
    assert json.loads(route.calls.last.request.content) == {
        "name": "imports", "paused": False, "max_concurrency": 4, "timeout_seconds": 9,
        "rate": {"count": 100, "period_seconds": 60.0, "burst": 2},
    }  # fmt: skip


def test_none_takes_a_limit_away(jobctl: Jobctl, server: respx.MockRouter) -> None:
    route = server.patch("/v1/queues/imports").respond(json=LIMITED)
    assert jobctl("queues", "edit", "imports", "--rate", "none", "--max-concurrency", "none").exit_code == 0
    assert json.loads(route.calls.last.request.content) == {"rate": None, "max_concurrency": None}


def test_an_edit_says_what_to_change(jobctl: Jobctl) -> None:
    assert jobctl("queues", "edit", "imports").exit_code == 2


def test_a_rate_that_is_none_is_refused(jobctl: Jobctl) -> None:
    assert jobctl("queues", "edit", "imports", "--rate", "many").exit_code == 2


@pytest.mark.parametrize("what", ["pause", "resume"])
def test_a_queue_is_switched(jobctl: Jobctl, server: respx.MockRouter, what: str) -> None:
    server.post(f"/v1/queues/imports/{what}").respond(json=queue(paused=what == "pause"))
    assert jobctl("queues", what, "imports").exit_code == 0


def test_a_queue_is_deleted(jobctl: Jobctl, server: respx.MockRouter) -> None:
    server.delete("/v1/queues/imports").respond(204)
    assert jobctl("queues", "delete", "imports").exit_code == 0
