"""Every answer that any test of the API gets is held against the OpenAPI document.

So no test can pass on a status, a code, a media type or a body that is not documented.
"""

import json
import re
from functools import lru_cache
from typing import Any

import httpx
import msgspec
from jsonschema import Draft202012Validator

from app import application

_DOCUMENT: dict[str, Any] = msgspec.json.decode(application.describe())
_PATHS = [
    (re.compile(re.sub(r"\{[^}]*\}", "[^/]+", path)), operations)
    for path, operations in sorted(_DOCUMENT["paths"].items(), key=lambda each: "{" in each[0])
]


async def check(answer: httpx.Response) -> None:
    """For a client's hook. What is no operation, and so stands nowhere, is let through."""
    operation = _operation(answer.request)
    if operation is None:
        return
    content = await answer.aread()
    place = (operation["operationId"], answer.status_code, answer.text[:300])
    documented = operation["responses"].get(str(answer.status_code))
    assert documented is not None, place
    if "content" not in documented:
        assert content == b"", place
        return
    media_type = answer.headers["content-type"]
    described = documented["content"].get(media_type) or documented["content"].get("*/*")
    assert described is not None, (*place, media_type)
    if not media_type.endswith("json"):
        return
    # A body of a job may hold numbers that only this reader takes.
    value = json.loads(content)
    _validator(described["schema"]["$ref"]).validate(value)
    assert "examples" not in described or value["code"] in described["examples"], place


def _operation(request: httpx.Request) -> dict[str, Any] | None:
    path = request.url.raw_path.partition(b"?")[0].decode()
    for pattern, operations in _PATHS:
        if pattern.fullmatch(path):
            found: dict[str, Any] | None = operations.get(request.method.lower())
            return found
    return None


@lru_cache
def _validator(reference: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": reference, "components": _DOCUMENT["components"]})
