"""The supervisor, on small programs that serve, fail, crash and refuse to stop."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.refusal import Refusal
from local.supervisor import Child, Program, Supervisor
from tests.integration.local.processes import gone, python

_SERVES = """
import http.server, os, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", int(os.environ["SERVES_ON"])), Handler)
print("listens")
server.serve_forever()
"""

_NOTES_ITS_END = """
import os, pathlib, signal, sys
def end(*_):
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(os.environ["NAME"] + chr(10))
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("runs")
signal.pause()
"""

_STAYS = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("stays")
while True:
    signal.pause()
"""


class Said(list[str]):
    """What a supervisor said; can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self._more = asyncio.Event()

    def __call__(self, text: str) -> None:
        self.append(text)
        self._more.set()

    async def wait(self) -> None:
        await asyncio.wait_for(self._more.wait(), 10)


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
async def supervisor(tmp_path: Path, said: Said) -> AsyncIterator[Supervisor]:
    made = Supervisor(
        tree=tmp_path,
        logs=tmp_path / "logs",
        say=said,
        ready_seconds=10,
        stop_seconds=0.5,
        restart_seconds=0,
    )
    yield made
    await made.stop()


def _program(name: str, code: str, **fields: Any) -> Program:
    return Program(name=name, command=[sys.executable, "-c", code], **fields)


async def _first(count: int, lines: AsyncGenerator[str, None]) -> AsyncIterator[str]:
    async with aclosing(lines):
        for _ in range(count):
            yield await anext(lines)


async def _spoken(started: Child) -> None:
    """Until its first line: then its signal handlers stand."""
    assert [line async for line in _first(1, started.lines())]


def _server() -> Program:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}/readyz"
    return _program("server", _SERVES, environment={"SERVES_ON": str(port)}, ready=url)


async def test_a_started_server_serves(supervisor: Supervisor) -> None:
    program = _server()
    await supervisor.start(program)
    async with httpx.AsyncClient() as client:
        assert (await client.get(str(program.ready))).status_code == 200


async def test_its_lines_can_be_read_as_they_come(supervisor: Supervisor) -> None:
    started = await supervisor.start(_program("teller", "print('one'); print('two')" + _STAYS))
    assert [line async for line in _first(2, started.lines())] == ["one", "two"]


async def test_a_server_that_ends_before_it_serves_is_refused_with_its_last_words(
    supervisor: Supervisor,
) -> None:
    program = _program("broken", "raise SystemExit('no such table')", ready="http://127.0.0.1:9/readyz")
    with pytest.raises(Refusal, match=r"broken ended with 1(.|\n)*no such table"):
        await supervisor.start(program)


async def test_a_server_that_never_serves_is_refused(tmp_path: Path, said: Said) -> None:
    supervisor = Supervisor(tree=tmp_path, logs=tmp_path, say=said, ready_seconds=0.1, stop_seconds=0)
    with pytest.raises(Refusal, match=r"mute does not serve after 0\.1 s"):
        await supervisor.start(_program("mute", _STAYS, ready="http://127.0.0.1:9/readyz"))
    await supervisor.stop()


async def test_what_runs_to_its_end_is_refused_unless_it_ends_well(supervisor: Supervisor) -> None:
    await supervisor.complete(_program("migrate", "print('done')"))
    with pytest.raises(Refusal, match=r"migrate ended with 3"):
        await supervisor.complete(_program("migrate", "raise SystemExit(3)"))


async def test_a_crashed_server_is_started_again_and_it_is_said(supervisor: Supervisor, said: Said) -> None:
    started = await supervisor.start(_server())
    first = started.process.pid
    os.kill(first, signal.SIGKILL)
    await said.wait()
    assert said == ["server ended (SIGKILL); starting it again in 0 s"]
    listens = [line async for line in _first(2, started.lines())]
    assert listens == ["listens", "listens"]
    assert started.process.pid != first


async def test_callers_stop_before_those_they_call(supervisor: Supervisor, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    for name, is_called in (("receiver", True), ("caller", False)):
        environment = {"NOTES": str(notes), "NAME": name}
        started = await supervisor.start(
            _program(name, _NOTES_ITS_END, environment=environment, is_called=is_called)
        )
        await _spoken(started)
    await supervisor.stop()
    assert notes.read_text().split() == ["caller", "receiver"]


async def test_who_does_not_stop_is_killed_and_named(supervisor: Supervisor, said: Said) -> None:
    started = await supervisor.start(_program("stubborn", _STAYS))
    await _spoken(started)
    await supervisor.stop()
    assert started.process.returncode == -signal.SIGKILL
    assert said == ["stubborn does not stop; killed"]


_KILLED = """
import asyncio, sys
from pathlib import Path
from local.supervisor import Program, Supervisor
async def main():
    supervisor = Supervisor(tree=Path.cwd(), logs=Path(sys.argv[1]), say=print)
    started = await supervisor.start(Program(name="stays", command=[sys.executable, "-c", sys.argv[2]]))
    print(started.process.pid)
    await asyncio.Event().wait()
asyncio.run(main())
"""


def test_when_the_supervisor_is_killed_its_children_are_gone(tmp_path: Path) -> None:
    script = tmp_path / "supervise.py"
    script.write_text(_KILLED)
    with python(script, str(tmp_path), _STAYS) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.kill()
    assert gone([child], within=10)
