"""`jobctl videos`: what is sent, how a wait ends, and where a file goes."""

import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

from noonmark.command.console import Console
from tests.unit.noonmark.answers import ID, URL, encoded, file, job, problem, video
from tests.unit.noonmark.command.conftest import Jobctl

ENCODE = "/v1/videos/encode"
STATUS = f"/v1/videos/{ID}/status"
DOWNLOAD = f"/v1/videos/{ID}/download"
CLIP = b"hello video"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where jobctl is called, with a video."""
    place = tmp_path / "here"
    place.mkdir()
    (place / "holiday.mov").write_bytes(CLIP)
    monkeypatch.chdir(place)
    return place


def looks(server: respx.MockRouter, *found: dict[str, Any]) -> None:
    """It is sent, and found like this one time after another."""
    server.post(ENCODE).respond(201, json=video())
    server.get(STATUS).mock(side_effect=[httpx.Response(200, json=each) for each in found])


def test_a_video_is_sent(jobctl: Jobctl, server: respx.MockRouter) -> None:
    route = server.post(ENCODE).respond(201, json=video())
    result = jobctl(
        *("videos", "encode", "holiday.mov", "--quality", "4k", "--format", "webm", "--priority", "high"),
        *("--key", "k", "-o", "id"),
    )
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{ID}\n", "")
    request = route.calls.last.request
    assert request.headers["idempotency-key"] == "k"
    for part in (b'name="quality"\r\n\r\n4k', b'name="format"\r\n\r\nwebm', b'name="priority"\r\n\r\nhigh'):
        assert part in request.content
    assert b'name="video"; filename="holiday.mov"\r\n\r\nhello video\r\n' in request.content


def test_what_it_is_told_of_a_video_is_shown(jobctl: Jobctl, server: respx.MockRouter) -> None:
    server.get(STATUS).respond(json=encoded())
    shown = dict(line.split(maxsplit=1) for line in jobctl("videos", "status", ID).stdout.splitlines())
    assert shown == {
        "id": ID,
        "state": "succeeded",
        "progress": "100 %",
        "video": "holiday.mov, 48,211,004 bytes",
        "wanted": "720p mp4",
        "attempts": "1",
        "encoded": "holiday-720p.mp4, 11 bytes",
    }


def test_who_waits_is_told_how_far_it_is_and_has_the_file(
    jobctl: Jobctl, server: respx.MockRouter, here: Path
) -> None:
    running = [video(state="running", progress=done) for done in (0, 12, 15, 60)]
    looks(server, video(), *running, encoded())
    server.get(DOWNLOAD).mock(side_effect=[file(CLIP)])
    result = jobctl("videos", "encode", "holiday.mov", "--to", "out.mp4")
    assert (result.exit_code, (here / "out.mp4").read_bytes()) == (0, CLIP)
    assert result.stderr.splitlines() == [
        f"{ID} is made; waiting",
        f"{ID} running, 12 %",
        f"{ID} running, 60 %",
        f"{ID} succeeded, 100 %",
        f"{ID} is saved as out.mp4",
    ]
    assert "holiday-720p.mp4" in result.stdout


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_who_waits_in_vain_is_told_why_and_exits_so(
    jobctl: Jobctl, server: respx.MockRouter, here: Path, state: str
) -> None:
    error = {"code": "exited", "message": "this cannot be encoded"}
    looks(server, video(state=state, last_error=error))
    result = jobctl("videos", "encode", "holiday.mov", "--wait", "--to", "out.mp4")
    assert (result.exit_code, result.stdout) == (6, "")
    said = ": this cannot be encoded" if state == "failed" else ""
    assert result.stderr.splitlines()[-1] == f"{ID} {state}{said}"
    assert os.listdir(here) == ["holiday.mov"]


def test_for_programs_there_is_nothing_but_the_video(jobctl: Jobctl, server: respx.MockRouter) -> None:
    looks(server, video(state="running", progress=50), encoded())
    result = jobctl("videos", "encode", "holiday.mov", "--wait", "-o", "json")
    assert (json.loads(result.stdout), result.stderr) == (encoded(), "")


def test_a_wait_has_its_end(jobctl: Jobctl, server: respx.MockRouter) -> None:
    looks(server, *[video(state="running")] * 3)
    result = jobctl("videos", "encode", "holiday.mov", "--for", "2s")
    assert (result.exit_code, f"video {ID} is running after 2 s" in result.stderr) == (6, True)


@pytest.mark.parametrize("cancels", [False, True])
def test_an_interrupt_ends_the_wait_and_the_video_only_if_it_is_to(
    anybody: Jobctl, server: respx.MockRouter, cancels: bool
) -> None:
    looks(server, video())
    cancel = server.post(f"/v1/jobs/{ID}/cancel").respond(202, json=job(state="cancelling"))

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    console = Console(url=URL, token="nm_t", sleep=interrupt)
    option = ("--cancel-on-interrupt",) if cancels else ()
    result = anybody("videos", "encode", "holiday.mov", "--wait", *option, obj=console)
    assert (result.exit_code, cancel.called) == (130, cancels)


@pytest.mark.parametrize(
    ("name", "saved"), [("holiday-720p.mp4", "holiday-720p.mp4"), ("../../holiday.mp4", "holiday.mp4")]
)
def test_a_video_is_saved_here_under_its_name(
    jobctl: Jobctl, server: respx.MockRouter, here: Path, name: str, saved: str
) -> None:
    server.get(STATUS).respond(json=encoded(output_filename=name))
    server.get(DOWNLOAD).mock(side_effect=[file(CLIP)])
    result = jobctl("videos", "download", ID)
    assert (result.exit_code, result.stderr) == (0, f"{ID} is saved as {saved}\n")
    assert (here / saved).read_bytes() == CLIP


@pytest.mark.parametrize("command", [("encode", "holiday.mov"), ("download", ID)])
def test_nothing_is_replaced_unasked(
    jobctl: Jobctl, server: respx.MockRouter, here: Path, command: tuple[str, str]
) -> None:
    result = jobctl("videos", *command, "--to", "holiday.mov")
    assert (result.exit_code, "holiday.mov is there already" in result.stderr) == (2, True)
    assert not server.calls
    looks(server, encoded())
    server.get(DOWNLOAD).mock(side_effect=[file(b"encoded")])
    assert jobctl("videos", *command, "--to", "holiday.mov", "--force").exit_code == 0
    assert (here / "holiday.mov").read_bytes() == b"encoded"


@pytest.mark.parametrize(
    ("command", "answer", "code", "said"),
    [
        (("encode", "nothing.mov"), None, 2, "'nothing.mov' does not exist"),
        (("encode", "holiday.mov", "--quality", "480p"), None, 2, "'480p' is not one of"),
        (("encode", "holiday.mov"), (413, "payload_too_large"), 1, "413 payload_too_large: It is"),
        (("encode", "holiday.mov"), (415, "unsupported_media_type"), 1, "415 unsupported_media_type: It is"),
        (("status", ID), (404, "not_found"), 3, "404 not_found: It is"),
        (("download", ID, "--to", "out"), (404, "not_found"), 3, "404 not_found: It is"),
        (("download", ID, "--to", "out"), (409, "video_not_encoded"), 5, "409 video_not_encoded: It is"),
        (("download", ID, "--to", "no/folder"), (200, ""), 1, "cannot write no/folder: No such file"),
    ],
)
def test_what_goes_wrong_is_said(
    jobctl: Jobctl,
    server: respx.MockRouter,
    here: Path,
    command: tuple[str, ...],
    answer: tuple[int, str] | None,
    code: int,
    said: str,
) -> None:
    if answer is not None:
        server.route().mock(return_value=file(CLIP) if answer[0] == 200 else problem(*answer))
    result = jobctl("videos", *command)
    assert (result.exit_code, said in result.stderr, result.stdout) == (code, True, ""), result.stderr
    assert os.listdir(here) == ["holiday.mov"]
