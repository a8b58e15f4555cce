"""The API keeps to the OpenAPI document that it serves, whatever it is sent (schemathesis).

No operation is left out: each is tried with the credential of one tenant, the operator's with the operator's
secret. So that the tries cannot end or slow down themselves, the database, not the API, holds on to that
tenant's name and lack of a limit, to that token, and to a dead letter: a request that would change these is
answered as ever and changes nothing.

No scheduler runs meanwhile: the jobs that are made name public addresses, and are never called.

    NOONMARK_CONTRACT_EXAMPLES=1000 .venv/bin/pytest tests/e2e/test_contract.py

tries so many inputs of each operation, other ones each time.
"""

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.conftest import at
from tests.e2e.conftest import execute, working
from tests.e2e.fleet import CALM, Fleet
from tests.e2e.processes import ROOT, Process

_EXAMPLES = os.environ.get("NOONMARK_CONTRACT_EXAMPLES")
_DETERMINISTIC = ["--max-examples", "40", "--generation-deterministic"]
_SECONDS = 3600 if _EXAMPLES else 600
_OPERATOR = "the-operators-secret-of-all-these-tests"
_SETTINGS = {"NOONMARK_ADMIN_SECRET": _OPERATOR, "NOONMARK_LOG_LEVEL": "debug"}

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(_SECONDS)]

_UNGUESSABLE = {
    "POST /v1/auth/logout",
    "POST /v1/auth/refresh",
    "POST /v1/auth/verify",
    "DELETE /v1/tenants/{tenant_id}",
    "GET /v1/jobs/{job_id}/artifacts/{name}",
    "DELETE /v1/jobs/{job_id}/artifacts/{name}",
    "POST /v1/jobs/{job_id}/artifacts/{name}/confirm",
    "POST /v1/jobs/{job_id}/artifacts/{name}/link",
    "PUT /v1/artifacts/{artifact_id}/content",
    "GET /v1/artifacts/{artifact_id}/content",
}
"""No try can do well with these: they take what stands in a mail, a session or a link, or a name of ours."""

_HOLD = """
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE FUNCTION keep_tenant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.name := OLD.name; NEW.request_rate := 0; NEW.erased_at := NULL; RETURN NEW; END $$;
CREATE FUNCTION keep_letter() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.replayed_as := NULL; RETURN NEW; END $$;
CREATE TRIGGER hold BEFORE UPDATE ON tenants
  FOR EACH ROW WHEN (OLD.id = '{tenant}') EXECUTE FUNCTION keep_tenant();
CREATE TRIGGER hold BEFORE DELETE ON api_tokens
  FOR EACH ROW WHEN (OLD.id = '{token}') EXECUTE FUNCTION keep();
CREATE TRIGGER hold BEFORE DELETE ON dead_letters
  FOR EACH ROW WHEN (OLD.job_id = '{letter}') EXECUTE FUNCTION keep();
CREATE TRIGGER hold_open BEFORE UPDATE ON dead_letters
  FOR EACH ROW WHEN (OLD.job_id = '{letter}') EXECUTE FUNCTION keep_letter();
"""


@pytest.fixture
def island(server: str, template: str, tmp_path: Path) -> Iterator[Fleet]:
    """An installation of its own: nobody else's scheduler may find what is made here."""
    name = f"island_{uuid4().hex[:12]}"
    asyncio.run(execute(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    with Fleet(at(server, name), tmp_path) as started:
        yield started
    asyncio.run(execute(server, f'DROP DATABASE "{name}" WITH (FORCE)'))


async def test_the_api_keeps_to_its_document(island: Fleet) -> None:
    letter = await _lived(island)
    async with (
        island.app(settings=_SETTINGS) as app,
        island.client(await app.address()) as client,
    ):
        made = (
            await client.post(
                "/v1/tokens", json={"name": "contract", "scopes": ["jobs:read", "jobs:write", "admin"]}
            )
        ).json()
        tenant = (await client.get("/v1/tenants/current")).json()["id"]
        await execute(island.dsn, _HOLD.format(tenant=tenant, token=made["id"], letter=letter))
        tries = _start(island, str(client.base_url), made["token"], letter)
        code = await tries.exit(within=_SECONDS)
        document = (await client.get("/v1/openapi.json")).json()
        assert code == 0, tries.printed() + tries.tail()
        # Else it may have been right about nothing but refusals.
        assert _answered_well(app) >= _operations(document) - _UNGUESSABLE
        assert app.said("request_failed") == []


async def _lived(fleet: Fleet) -> UUID:
    """Makes jobs that go well and badly, so that what tells of them is tried too; the dead letter."""
    async with working(fleet) as work, fleet.crew(1, settings=CALM):
        [letter] = await work.submit(orders="status=400")
        await work.submit(orders="fail=1")
        await work.ended()
    return letter


def _start(fleet: Fleet, url: str, token: str, letter: UUID) -> Process:
    """schemathesis, on the document as it is served."""
    amount = ["--max-examples", _EXAMPLES] if _EXAMPLES else _DETERMINISTIC
    return fleet.start(
        "schemathesis",
        str(Path(sys.executable).parent / "schemathesis"),
        "--config-file",
        str(ROOT / "tests" / "e2e" / "contract.toml"),
        "run",
        f"{url.rstrip('/')}/v1/openapi.json",
        "--no-color",
        "--continue-on-failure",
        *amount,
        environment={
            "CONTRACT_TOKEN": token,
            "CONTRACT_OPERATOR": _OPERATOR,
            "CONTRACT_LETTER": str(letter),
        },
    )


def _operations(document: dict[str, Any]) -> set[str]:
    return {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}


def _answered_well(app: Process) -> set[str]:
    """Operations that did what they were asked for, at least once, by the log."""
    return {
        f"{line['method']} {line['route']}"
        for line in app.said("request")
        if 200 <= line["status"] < 300 and line.get("route")
    }
