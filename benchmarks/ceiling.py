"""What the receiver takes at most: by our own load, and by `wrk` where that is installed.

It must be far above what any contender sends, or it would be what is measured.
"""

import re
import shutil
from collections.abc import Mapping

import msgspec

from benchmarks import api, work
from benchmarks.api import Asked
from benchmarks.load import Load, Report
from benchmarks.programs import Program, python
from benchmarks.stand import Stand
from core import ids

_CONNECTIONS = 64
_RATE = re.compile(r"Requests/sec: +([\d.]+)")
_SCRIPT = """wrk.method = "POST"
wrk.body = '{body}'
wrk.headers["Content-Type"] = "application/json"
wrk.headers["webhook-id"] = "{job}"
"""


async def rates(stand: Stand, seconds: float) -> dict[str, Mapping[str, float]]:
    """Calls a second, by prefix."""
    found: dict[str, Mapping[str, float]] = {"receiver_load_": {"per_s": await _loaded(stand, seconds)}}
    if wrk := shutil.which("wrk"):
        found["receiver_wrk_"] = {"per_s": await _by_wrk(stand, wrk, seconds)}
    await stand.receiver.reset()
    return found


async def _loaded(stand: Stand, seconds: float) -> float:
    request = api.wire(stand, Asked("POST", "/hook", work.body(work.BODY_BYTES)))
    request = request.replace("\r\n\r\n", f"\r\nwebhook-id: {ids.new()}\r\n\r\n", 1)
    load = Load(port=stand.receiver.port, requests=[request], connections=_CONNECTIONS, seconds=seconds)
    path = stand.folder / "ceiling.json"
    path.write_bytes(msgspec.json.encode(load))
    async with Program("ceiling", python("benchmarks.load", str(path)), {}, folder=stand.folder) as generator:
        return msgspec.json.decode(await generator.line(), type=Report).per_s


async def _by_wrk(stand: Stand, program: str, seconds: float) -> float:
    script = stand.folder / "wrk.lua"
    script.write_text(_SCRIPT.format(body=work.body(work.BODY_BYTES).decode(), job=ids.new()))
    options = ["-t1", f"-c{_CONNECTIONS}", f"-d{seconds:.0f}s", "-s", str(script), stand.receiver.url()]
    async with Program("wrk", [program, *options], {}, folder=stand.folder) as generator:
        while not (said := _RATE.match(await generator.line())):
            continue
    return float(said[1])
