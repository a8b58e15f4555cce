"""The example receiver, started as a user would start it and driven by an independent sender."""

import http.client
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from standardwebhooks import Webhook

from core.signing import new_secret

ROOT = Path(__file__).parents[3]
SECRET, NEXT_SECRET = new_secret(), new_secret()


class Receiver:
    """The running example, and what it prints."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.url = self.line().removeprefix("listening ")
        self.port = int(self.url.rpartition(":")[2])

    def line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip("\n")


def start(*arguments: str, secrets: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "examples.receiver", *arguments],
        cwd=ROOT,
        env=os.environ | {"NOONMARK_WEBHOOK_SECRET": secrets, "PYTHONUTF8": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with start("--port", "0", secrets=f"{SECRET} {NEXT_SECRET}") as process:
        try:
            yield Receiver(process)
        finally:
            process.terminate()


def signed(
    body: str, *, message: str, secret: str = SECRET, attempt: int = 1, age: int = 0
) -> dict[str, str]:
    at = datetime.now(UTC) - timedelta(seconds=age)
    return {
        "webhook-id": message,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message, at, body),
        "x-noonmark-attempt": str(attempt),
    }


def deliver(receiver: Receiver, body: str = "{}", *, sent: str | None = None, **how: Any) -> tuple[int, str]:
    """The receiver's status and the line it printed; `sent` is what travels in place of what was signed."""
    headers = signed(body, **{"message": str(uuid4()), **how})
    answer = httpx.post(f"{receiver.url}/hook?x=1", content=sent or body, headers=headers, trust_env=False)
    return answer.status_code, receiver.line()


@pytest.mark.promise(12)
def test_a_signed_delivery_is_verified_and_shown_on_one_line(receiver: Receiver) -> None:
    status, line = deliver(receiver, '{"hello":\n"wörld"}', message="job-1", attempt=3)
    assert status == 200
    assert re.fullmatch(
        r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z POST /hook\?x=1 job-1 attempt=3 verified {"hello":·"wörld"}',
        line,
    )


def test_the_second_of_two_secrets_verifies_too(receiver: Receiver) -> None:
    status, line = deliver(receiver, secret=NEXT_SECRET)
    assert status == 200
    assert " verified " in line


@pytest.mark.promise(4)
def test_a_delivery_that_comes_again_is_acknowledged_as_a_duplicate(receiver: Receiver) -> None:
    deliver(receiver, message="job-2")
    status, line = deliver(receiver, message="job-2")
    assert status == 200
    assert " job-2 attempt=1 duplicate {}" in line


@pytest.mark.promise(4)
def test_a_later_attempt_of_a_known_delivery_is_a_duplicate(receiver: Receiver) -> None:
    deliver(receiver, message="job-3")
    status, line = deliver(receiver, message="job-3", attempt=2)
    assert status == 200
    assert " job-3 attempt=2 duplicate {}" in line


@pytest.mark.promise(4)
def test_an_older_attempt_after_a_newer_one_is_acknowledged_and_ignored(receiver: Receiver) -> None:
    deliver(receiver, message="job-4", attempt=2)
    status, line = deliver(receiver, message="job-4", attempt=1)
    assert status == 200
    assert " job-4 attempt=1 duplicate (older attempt) {}" in line


def test_a_tampered_body_is_refused(receiver: Receiver) -> None:
    status, line = deliver(receiver, '{"amount":1}', sent='{"amount":9}')
    assert status == 401
    assert " REFUSED no signature matches " in line


def test_a_refused_delivery_does_not_make_the_true_one_a_duplicate(receiver: Receiver) -> None:
    deliver(receiver, "{}", sent="[]", message="job-5")
    _, line = deliver(receiver, "{}", message="job-5")
    assert " verified " in line


def test_an_old_delivery_is_refused(receiver: Receiver) -> None:
    status, line = deliver(receiver, age=301)
    assert status == 401
    assert " REFUSED webhook-timestamp is too old " in line


def test_an_unsigned_request_is_refused(receiver: Receiver) -> None:
    assert httpx.get(receiver.url, trust_env=False).status_code == 401
    assert "GET / - attempt=- REFUSED webhook-id is missing" in receiver.line()


def test_lateness_is_measured_from_the_fire_time_in_the_body(receiver: Receiver) -> None:
    fire_at = datetime.now(UTC) - timedelta(seconds=2)
    _, line = deliver(receiver, f'{{"fire_at":"{fire_at.isoformat()}"}}')
    late = re.search(r" verified late=(\d+)ms ", line)
    assert late
    assert 2000 <= int(late[1]) < 12_000


@pytest.mark.parametrize(
    "body",
    ["", "[]", "{", '{"fire_at":7}', '{"fire_at":"noon"}', '{"fire_at":"2026-01-01"}', "[" * 9999],
)
def test_a_body_that_names_no_time_is_verified_all_the_same(receiver: Receiver, body: str) -> None:
    status, line = deliver(receiver, body)
    assert status == 200
    assert " verified " in line
    assert "late=" not in line


def test_only_the_start_of_a_long_body_is_shown(receiver: Receiver) -> None:
    _, line = deliver(receiver, "x" * 100_000)
    assert line.endswith(" verified " + "x" * 80)


def test_what_a_stranger_sends_cannot_break_the_line(receiver: Receiver) -> None:
    httpx.post(receiver.url, content="\x1b[2J\r\nforged", headers={"webhook-id": "\x1b]0;"}, trust_env=False)
    line = receiver.line()
    assert "REFUSED" in line
    assert line.endswith("·[2J··forged")
    assert "\x1b" not in line


def test_one_connection_carries_many_deliveries(receiver: Receiver) -> None:
    link = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=10)
    link.connect()
    opened = link.sock
    for _ in range(3):
        link.request("PUT", "/", body="{}", headers=signed("{}", message=str(uuid4())))
        assert link.getresponse().read() == b""
        assert " PUT / " in receiver.line()
    assert link.sock is opened
    link.close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Length": str(1024 * 1024 + 1)}, 413),
        ({"Content-Length": "9" * 5000}, 413),
        ({"Content-Length": "-1"}, 411),
        ({"Transfer-Encoding": "chunked"}, 411),
    ],
    ids=["too large", "absurd", "negative", "chunked"],
)
def test_a_body_of_no_good_length_is_refused_unread(
    receiver: Receiver, headers: dict[str, str], status: int
) -> None:
    link = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=10)
    link.putrequest("POST", "/")
    for name, value in headers.items():
        link.putheader(name, value)
    link.endheaders()
    answer = link.getresponse()
    assert (answer.status, answer.getheader("Connection")) == (status, "close")
    link.close()


def test_without_a_secret_it_says_what_is_missing() -> None:
    with start("--port", "0", secrets="") as process:
        printed, _ = process.communicate()
    assert process.returncode == 2
    assert "set NOONMARK_WEBHOOK_SECRET" in printed
