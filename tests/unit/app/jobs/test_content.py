"""Bodies: to bytes and back."""

import msgspec
import pytest

from app.jobs import content
from app.jobs.content import Content
from app.jobs.schemas import CreateTarget
from core.errors import Fault
from core.jobs.model import BodyKind

URL = "http://127.0.0.1/"


def taken(form: bytes) -> Content | Fault:
    raw = b'{"url":"%b",%b}' % (URL.encode(), form)
    return content.taken(msgspec.json.decode(raw, type=CreateTarget))


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        (b' {\n "b" : 1.0 ,\t"a" : [ 1e400 , -0 ] }', b'{"b":1.0,"a":[1e400,-0]}'),
        (b"12345678901234567890", b"12345678901234567890"),
        (b'{"a":1, "a":2}', b'{"a":1,"a":2}'),
        (b'" \\u00e9\\/\\n "', b'" \\u00e9\\/\\n "'),
        ("\"h\u00e9 \U0001f600\"".encode(), "\"h\u00e9 \U0001f600\"".encode()),
        (b"null", b"null"),
        (b"[ ]", b"[]"),
    ],
)  # fmt: skip
def test_json_loses_the_spaces_between_tokens_and_nothing_else(written: bytes, stored: bytes) -> None:
    assert taken(b'"body":%b' % written) == Content(BodyKind.JSON, stored)


def test_no_body_is_empty() -> None:
    assert content.taken(CreateTarget(url=URL)) == Content(BodyKind.NONE, b"")


def test_an_empty_text_is_a_text() -> None:
    assert taken(b'"body_text":""') == Content(BodyKind.TEXT, b"")


@pytest.mark.parametrize("form", [b'"body":1,"body_text":"x"', b'"body":null,"body_base64":""'])
def test_two_forms_conflict(form: bytes) -> None:
    fault = taken(form)
    assert isinstance(fault, Fault) and (fault.code, fault.pointer) == ("conflicting", "/target")


@pytest.mark.parametrize("given", ["AP8", "AP8=\n", "AP_-", "A", "====", "h\u00e9", "AP8=AP8="])
def test_base64_is_strict(given: str) -> None:
    fault = content.taken(CreateTarget(url=URL, body_base64=given))
    assert isinstance(fault, Fault) and fault.pointer == "/target/body_base64"


@pytest.mark.parametrize(
    "form", [b'"body":{"a":[1.0]}', b'"body_text":"h\xc3\xa9"', b'"body_base64":"AP8="', b'"body":null']
)
def test_a_body_is_shown_in_the_form_it_was_given(form: bytes) -> None:
    found = taken(form)
    assert isinstance(found, Content)
    shown = content.shown(found.kind, found.data)
    assert msgspec.json.encode(shown) == b"{%b}" % form


@pytest.mark.parametrize(
    ("data", "truncated", "text"),
    [
        (b"abc", False, "abc"),
        (b"\xff", False, None),
        (b"\xff", True, None),
        (b"ab\xc3", True, "ab"),
        (b"ab\xf0\x9f\x98", True, "ab"),
        (b"ab\xc3", False, None),
        (b"\xffab\xc3", True, None),
    ],
)
def test_a_cut_may_go_through_the_last_character_only(data: bytes, truncated: bool, text: str | None) -> None:
    assert content.text(data, truncated=truncated) == text
