"""What `make up` shows a newcomer: sign in as anybody would, promise a few calls, watch them be kept.

Everything goes through the public API and the example receiver; nothing here knows a table. While the
servers stay up the demo user stays signed in, and a file holds the header that the printed commands use.
"""

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from local.supervisor import Child, Program
from local.up import Spawn

EMAIL = "demo@example.com"
_PATIENCE_SECONDS = 30.0
_REFRESH_SECONDS = 300.0
_JOBS = (
    ("POST", "/invoice", 2.0, {"invoice": 1042, "action": "send reminder"}),
    ("POST", "/report", 2.0, {"report": "weekly", "format": "pdf"}),
    ("PUT", "/cache", 3.0, {"key": "home", "action": "refresh"}),
    ("POST", "/trial", 3.5, {"customer": "c_81", "action": "end trial"}),
    ("PATCH", "/flag", 4.0, {"flag": "new-checkout", "enabled": True}),
)
_LINE = re.compile(
    r"(?P<method>[A-Z]+) (?P<path>/\S+) (?P<id>[0-9a-f-]{36}) attempt=\d+ "
    r"(?P<verdict>\S+).*?late=(?P<late>-?\d+)ms"
)

Say = Callable[[str], None]


class Demo:
    """One telling of the story. ``folder`` is where the demo user's header goes.

    ``stays``: the servers go on afterwards, so there is something to try next.
    """

    def __init__(self, folder: Path, *, stays: bool) -> None:
        self._header = folder / "authorization"
        self._stays = stays
        self._keeping: asyncio.Task[None] | None = None

    async def play(self, base_url: str, say: Say, spawn: Spawn) -> bool:
        """Sign in, start the receiver, schedule, watch; whether every job arrived and was verified."""
        try:
            return await self._tell(base_url, say, spawn)
        except (httpx.HTTPError, TimeoutError, RuntimeError) as error:
            say(f"the demo could not go on: {error!r}")
            return False

    async def _tell(self, base_url: str, say: Say, spawn: Spawn) -> bool:
        async with httpx.AsyncClient(base_url=base_url, timeout=10, trust_env=False) as api:
            session = await _sign_in(api)
            say(f"signed in as {EMAIL} through a magic link")
            receiver = await self._receiver(api, spawn)
            target = await _address(receiver)
            say(f"a receiver listens on {target}; it verifies every signature")
            jobs = await _schedule(api, target)
            say(f"{len(jobs)} jobs are scheduled, 2 to 4 seconds ahead:")
            good = await _watch(receiver, jobs, say)
            say(await _summary(api, jobs, good=good))
        if self._stays:
            self._keep(base_url, session)
            _next(say, base_url, self._header, target)
        return good

    def _keep(self, base_url: str, session: dict[str, Any]) -> None:
        """Hold on to the task: nobody else does."""
        self._write(session)
        self._keeping = asyncio.create_task(self._keep_signed_in(base_url, session))

    async def _keep_signed_in(self, base_url: str, session: dict[str, Any]) -> None:
        async with httpx.AsyncClient(base_url=base_url, timeout=10, trust_env=False) as api:
            while True:
                await asyncio.sleep(_REFRESH_SECONDS)
                body = {"refresh_token": session["refresh_token"]}
                session = await _answer(api.post("/v1/auth/refresh", json=body))
                self._write(session)

    def _write(self, session: dict[str, Any]) -> None:
        self._header.touch(mode=0o600)
        self._header.write_text(f"Authorization: Bearer {session['access_token']}\n")

    async def _receiver(self, api: httpx.AsyncClient, spawn: Spawn) -> Child:
        listed = await _answer(api.get("/v1/signing-secrets"))
        secrets = " ".join(item["secret"] for item in listed["items"])
        return await spawn(
            Program(
                name="receiver",
                command=[sys.executable, "-m", "examples.receiver", "--port", "0"],
                environment={"NOONMARK_WEBHOOK_SECRET": secrets},
                is_called=True,
            )
        )


async def _answer(call: Awaitable[httpx.Response]) -> dict[str, Any]:
    response = await call
    response.raise_for_status()
    body: dict[str, Any] = response.json()
    return body


async def _sign_in(api: httpx.AsyncClient) -> dict[str, Any]:
    """The flow of every user: ask for a link, take it from the mail, confirm it."""
    since = datetime.now(UTC)
    await _answer(api.post("/v1/auth/magic-link", json={"email": EMAIL}))
    link = await _link(api, since)
    token = parse_qs(urlsplit(link).fragment)["token"][0]
    session = await _answer(api.post("/v1/auth/verify", json={"token": token}))
    api.headers["Authorization"] = f"Bearer {session['access_token']}"
    return session


async def _link(api: httpx.AsyncClient, since: datetime) -> str:
    """The newest mail's; an older one is from the last start, and spent."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            mails = await _answer(api.get("/dev/outbox", params={"to": EMAIL}))
            for mail in mails["items"]:
                if datetime.fromisoformat(mail["created_at"]) >= since - timedelta(seconds=1):
                    return str(mail["link"])
            await asyncio.sleep(0.1)


async def _address(receiver: Child) -> str:
    """Where the receiver listens, from its first line."""
    async with asyncio.timeout(_PATIENCE_SECONDS), aclosing(receiver.lines()) as lines:
        async for line in lines:
            if line.startswith("listening "):
                return line.split()[1]
    raise RuntimeError("the receiver did not start")


async def _schedule(api: httpx.AsyncClient, target: str) -> dict[str, str]:
    """What each job is, by its id."""
    jobs: dict[str, str] = {}
    start = datetime.now(UTC)
    for method, path, ahead, body in _JOBS:
        fire_at = (start + timedelta(seconds=ahead)).isoformat()
        request = {"url": target + path, "method": method, "body": {**body, "fire_at": fire_at}}
        job = await _answer(api.post("/v1/jobs", json={"target": request, "fire_at": fire_at}))
        jobs[job["id"]] = f"{method} {path}"
    return jobs


async def _watch(receiver: Child, jobs: dict[str, str], say: Say) -> bool:
    """Say each delivery as it arrives; whether all of them came, verified, within the patience."""
    missing = set(jobs)
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS), aclosing(receiver.lines()) as lines:
            async for line in lines:
                found = _LINE.search(line)
                if found is None or found["id"] not in missing:
                    continue
                good = found["verdict"] == "verified"
                mark = "signature verified" if good else found["verdict"]
                say(f"  {found['method']:5} {found['path']:9} arrived {found['late']:>3} ms late, {mark}")
                missing -= {found["id"]} if good else set()
                if not missing:
                    return True
    except TimeoutError:
        pass
    for job in missing:
        say(f"  {jobs[job]} did not arrive (job {job})")
    return False


async def _summary(api: httpx.AsyncClient, jobs: dict[str, str], *, good: bool) -> str:
    """What the API says of the same jobs: the two accounts must agree."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        states = [await _state(api, job) for job in jobs]
    done = states.count("succeeded")
    return f"the API says: {done} of {len(jobs)} succeeded" + ("" if good else "; look at the logs")


async def _state(api: httpx.AsyncClient, job: str) -> str:
    """A job's state once it runs no more."""
    while True:
        state = str((await _answer(api.get(f"/v1/jobs/{job}")))["state"])
        if state != "running":
            return state
        await asyncio.sleep(0.05)


def _next(say: Say, base_url: str, header: Path, target: str) -> None:
    """Five things to try, each one line that can be pasted."""
    shown = header.relative_to(Path.cwd()) if header.is_relative_to(Path.cwd()) else header
    curl = f"curl -s -H @{shown} {base_url}/v1/jobs -H 'Content-Type: application/json'"
    body = f'{{"target": {{"url": "{target}/mine", "body": {{"hello": "world"}}}}, "delay_seconds": 5}}'
    say("")
    say("try next:")
    say(f"  {curl} -d '{body}'")
    say(f"  ./jobctl login {base_url} --dev --email {EMAIL}")
    say(f'  ./jobctl call {target}/mine -d \'{{"hello": "jobctl"}}\'')
    say("  ./jobctl jobs list")
    say(f"  tail -f {shown.parent / 'logs' / 'receiver.log'}    # watch deliveries arrive")
    say("")
