"""Whether a process answers, as a container's health check asks."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from core import alive


class Answers(BaseHTTPRequestHandler):
    """200 to /healthz, 503 to anything else."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def port() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield str(server.server_port)
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", ""])
def test_a_process_that_answers_is_well_wherever_it_listens(port: str, host: str) -> None:
    assert alive.fault({"PORT": port, "NOONMARK_HOST": host}, "PORT", "/healthz") is None


def test_one_that_refuses_is_not(port: str) -> None:
    assert alive.fault({"PORT": port}, "PORT", "/readyz") == "/readyz answers 503"


def test_one_that_is_not_there_is_not() -> None:
    assert "does not answer" in (alive.fault({"PORT": "1"}, "PORT", "/healthz") or "")


@pytest.mark.parametrize("given", [{}, {"PORT": "0"}, {"PORT": "x"}])
def test_a_port_that_is_off_is_named(given: dict[str, str]) -> None:
    assert alive.fault(given, "PORT", "/healthz") == "PORT names no port"


def test_the_command_says_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORT", port)
    assert alive.main(["PORT"]) == 0
    assert alive.main(["PORT", "/readyz"]) == 1
    assert alive.main([]) == 2
    assert capsys.readouterr().err.startswith("/readyz answers 503\nusage: ")
