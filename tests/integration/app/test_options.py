"""OPTIONS tells the methods of a path, all of them and no others."""

from typing import Any

import httpx
import msgspec
import pytest

from app import application
from tests.integration.app.conftest import SignIn, bearer

_PATHS: dict[str, dict[str, Any]] = msgspec.json.decode(application.describe())["paths"]
_NOBODY = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
async def headers(sign_in: SignIn) -> dict[str, str]:
    return bearer(await sign_in("me@example.com"))


async def test_options_tells_what_the_document_tells(api: httpx.AsyncClient, headers: dict[str, str]) -> None:
    for path, operations in _PATHS.items():
        written = path.replace("{", "").replace("}", "")
        for name in ("job_id", "token_id", "tenant_id", "artifact_id"):
            written = written.replace(name, _NOBODY)
        answer = await api.options(written, headers=headers)
        assert (answer.status_code, answer.content) == (204, b""), path
        expected = {method.upper() for method in operations} | {"OPTIONS"}
        assert set(answer.headers["allow"].split(", ")) == expected, path


async def test_options_tells_the_same_as_a_method_that_is_not_there(
    api: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    for path in ("/v1/jobs", f"/v1/jobs/{_NOBODY}", f"/v1/tenants/{_NOBODY}", "/v1/me"):
        told = (await api.options(path, headers=headers)).headers["allow"]
        refused = await api.put(path, headers=headers)
        assert refused.status_code == 405
        assert set(refused.headers["allow"].split(", ")) == set(told.split(", "))


async def test_options_needs_a_credential_where_the_path_does(api: httpx.AsyncClient) -> None:
    assert (await api.options("/v1/jobs")).status_code == 401
